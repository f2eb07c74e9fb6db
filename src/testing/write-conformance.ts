/** Writes docs/conformance.md: `npm run docs:conformance`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { compare, describe, explain, knownReasons, observeLuo, recorded, reportFile } from './conformance.js';

const comparison = compare(recorded(), await observeLuo({ strict: true }));
mkdirSync(dirname(reportFile), { recursive: true });
writeFileSync(reportFile, describe(comparison, explain(comparison.differences, knownReasons())));
console.log(`conformance: ${comparison.equal} / ${comparison.total} equal; written to ${reportFile}`);
