/** Sessions of several processes: one of them at a time can have the device open, for as long as a call takes. */
import { LiveUpdateError } from '../error.js';
import { LiveUpdate } from '../live-update.js';
import type { LiveUpdateSession } from '../session.js';

/** How long another process is waited for that has the device open. Milliseconds. */
const PATIENCE = 5000;
const STEP = 2;

/** @throws LiveUpdateError `EEXIST` where a session of this name is open, and what `LiveUpdate.open` throws */
export function createSession(name: string): LiveUpdateSession {
  return withDevice((device) => device.createSession(name));
}

/** What the last generation left under this name. */
export function retrieveIfThere(name: string): LiveUpdateSession | undefined {
  return withDevice((device) => {
    try {
      return device.retrieveSession(name);
    } catch (error) {
      if (error instanceof LiveUpdateError && error.code === 'ENOENT') return undefined;
      throw error;
    }
  });
}

function withDevice<T>(action: (device: LiveUpdate) => T): T {
  const device = openDevice();
  try {
    return action(device);
  } finally {
    device.close();
  }
}

function openDevice(): LiveUpdate {
  const limit = performance.now() + PATIENCE;
  for (;;) {
    try {
      return LiveUpdate.open();
    } catch (error) {
      const isBusy = error instanceof LiveUpdateError && error.code === 'EBUSY';
      if (!isBusy || performance.now() > limit) throw error;
      sleep(STEP);
    }
  }
}

/** Other processes have the device for microseconds: a turn of the event loop would let others of this one in. */
function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
