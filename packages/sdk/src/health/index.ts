export { healthBinding } from "./binding.ts";
