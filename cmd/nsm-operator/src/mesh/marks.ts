export const managedBy = "nsm-operator";
export const fieldManager = "nsm-operator";
export const finalizer = "nsm.networkservicemesh.io/mesh";
export const meshLabel = "nsm.networkservicemesh.io/mesh";
export const removalAnnotation = "nsm.networkservicemesh.io/removal";
export const meshLabelValue = (namespace: string, name: string): string => `${namespace}.${name}`;
