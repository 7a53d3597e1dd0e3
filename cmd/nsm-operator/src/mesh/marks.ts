/** The marks of a mesh's objects, which the builders and the operator share. */
export {
  adoptAnnotation,
  fieldManager,
  finalizer,
  managedBy,
  meshLabel,
  meshLabelValue,
  removalAnnotation,
} from "@nsmkit/mesh";
