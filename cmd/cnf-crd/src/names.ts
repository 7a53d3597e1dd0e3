/** Who owns the fields that this program writes. */
export const fieldManager = "cnf-crd";
