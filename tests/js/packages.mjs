// Lets modules outside this folder import what is installed in it.
import { register } from "node:module";

register("./resolve.mjs", import.meta.url);
