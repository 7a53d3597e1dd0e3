export const spireNamespace = "spire";
export const clusterName = "nsm-cluster";
export const serverAccount = "spire-server";
export const agentAccount = "spire-agent";
export const csiAccount = "spiffe-csi-driver";
export const serverPort = 8081;
export const bundleMap = "spire-bundle";
