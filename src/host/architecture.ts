/** The system call numbers of the machine that luo runs on. */
import { syscallNumbers } from '../uapi/syscalls.js';

/** @throws Error at load where luo has no table for this architecture */
export const numbers = syscallNumbers(process.arch);
