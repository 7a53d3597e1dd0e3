export { patchCaBundle, webhookConfigurations } from "./ca-bundle.ts";
export { listening } from "./listen.ts";
export {
  type Admission,
  type AdmissionRequest,
  type AdmissionReview,
  type GroupVersionKind,
  type JsonPatchOperation,
  parseReview,
  reviewOf,
} from "./review.ts";
export { type AdmissionServer, type AdmissionServerOptions, type Admit, type Page, serveAdmission } from "./server.ts";
