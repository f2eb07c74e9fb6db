import { sendDatagram } from '../host/datagram.js';
import { SystemError } from '../host/libc.js';

/**
 * Tells whoever started this program that it serves (`READY=1` of sd_notify(3)): `luo kexec --ready-timeout` keeps the new
 * generation then, and a service manager such as systemd goes on.
 *
 * @param status a line for people, such as "listening on port 80"
 * @returns false where nobody wants to know: no $NOTIFY_SOCKET is set, or nobody is there any more
 */
export function notifyReady(status?: string): boolean {
  const path = process.env['NOTIFY_SOCKET'];
  if (path === undefined || path === '') return false;
  try {
    sendDatagram(path, status === undefined ? 'READY=1' : `STATUS=${status.replaceAll('\n', ' ')}\nREADY=1`);
    return true;
  } catch (error) {
    // Nobody can be at a path that is too long.
    if (error instanceof SystemError || error instanceof RangeError) return false;
    throw error;
  }
}
