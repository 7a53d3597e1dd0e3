#!/usr/bin/env node
import { launch } from "../../../packages/core/bin/launch.mjs";

await launch(new URL("../src/main.ts", import.meta.url));
