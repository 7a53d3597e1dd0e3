import type { ConfigOf, SettingsSpec } from "@nsmkit/core/config";

export const name = "nsm-admission-webhook";
export const description = "Adds the client of network services to Pods that ask for them with an annotation.";

export const settings = {
  certFile: {
    env: "NSM_CERT_FILE_PATH",
    type: "path",
    text: "Certificate chain of the HTTPS server (PEM). Read again when it changes.",
  },
  keyFile: {
    env: "NSM_KEY_FILE_PATH",
    type: "path",
    text: "Private key of the HTTPS server (PEM).",
  },
} as const satisfies SettingsSpec;

export type WebhookConfig = ConfigOf<typeof settings>;
