/** Whether a process is on its way out, before anybody could reap it: its descriptors are closed before that. */
import { readdirSync, readFileSync } from 'node:fs';

/** `PF_EXITING`: Linux sets it before it closes what the thread had open. */
const PF_EXITING = 0x4;

/** Whether no thread of the process goes on. One that is gone has ended. */
export function isEnding(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).every((tid) => isThreadEnding(`/proc/${pid}/task/${tid}/stat`));
  } catch {
    return true;
  }
}

/** The process that a thread belongs to; the number of the thread where it is gone. */
export function processOfThread(tid: number): number {
  try {
    const [, process] = /^Tgid:\s*(\d+)/m.exec(readFileSync(`/proc/${tid}/status`, 'latin1')) ?? [];
    return process === undefined ? tid : Number(process);
  } catch {
    return tid;
  }
}

function isThreadEnding(file: string): boolean {
  try {
    // The name, in parentheses, may hold anything. The state comes after it, and the flags are the 7th word from there.
    const words = readFileSync(file, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return /^[ZXx]/.test(words[0] ?? '') || (Number(words[6]) & PF_EXITING) !== 0;
  } catch {
    return true;
  }
}
