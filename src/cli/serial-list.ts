import { statSync } from 'node:fs';
import { close } from '../host/descriptors.js';
import { SetupError } from '../machine/directories.js';
import { say } from '../machine/report.js';
import { ask } from '../serial/ask.js';
import { type ClaimRecord, claims, socketOf } from '../serial/claims.js';
import { describeLines } from '../serial/holder.js';
import { type PortFile, portFiles } from '../serial/port-files.js';
import type { HoldStatus } from '../serial/protocol.js';
import { type User, usersOf } from '../serial/users.js';
import { print } from './output.js';
import { table, word } from './table.js';

/** A port, as `luo serial list --json` shows it. */
interface Listed {
  readonly path: string;
  readonly driver: string | null;
  /** What the device calls itself. */
  readonly device: string | null;
  /** The name in /dev/serial/by-id. */
  readonly id: string | null;
  /** The luo that holds it, or waits for it. */
  readonly holder: { readonly pid: number; readonly state: ClaimRecord['state'] } | null;
  readonly lines: { readonly dtr: boolean; readonly rts: boolean } | null;
  readonly exclusive: boolean;
  /** Other processes that have it open, as far as this user may see. */
  readonly users: readonly User[];
}

/** `luo serial list`. */
export async function serialList({ json = false }: { json?: boolean }): Promise<void> {
  const held = claims();
  const ports = portFiles();
  const keys = new Set(ports.map(({ key }) => key));
  const others = [...held].filter(([name]) => !keys.has(name)).map(([key, { path }]) => unknown(key, path));
  const listed = await Promise.all([...ports, ...others].map((port) => look(port, held.get(port.key))));
  if (json) print(`${JSON.stringify(listed, undefined, 2)}\n`);
  else print(listed.length === 0 ? 'There is no serial port on this computer.\n' : format(listed));
}

/** One that is unplugged, or no serial port. */
function unknown(key: string, path: string): PortFile {
  return { path, key, driver: undefined, usb: undefined, id: undefined };
}

async function look(port: PortFile, record: ClaimRecord | undefined): Promise<Listed> {
  const status = record === undefined ? undefined : await statusOf(port.key);
  const { usb } = port;
  const name = [usb?.manufacturer, usb?.product].filter((one) => one !== undefined).join(' ');
  return {
    path: port.path,
    driver: port.driver ?? null,
    device: name === '' ? null : name,
    id: port.id ?? null,
    holder: record === undefined ? null : { pid: record.pid, state: record.state },
    lines: status?.dtr === undefined || status.rts === undefined ? null : { dtr: status.dtr, rts: status.rts },
    exclusive: status?.exclusive ?? false,
    users: usersOfPath(port.path).filter(({ pid }) => pid !== record?.pid),
  };
}

async function statusOf(key: string): Promise<HoldStatus | undefined> {
  try {
    const reply = await ask(socketOf(key), { request: 'status' });
    if (reply === undefined) return undefined;
    close(reply.connection);
    return 'status' in reply.answer ? reply.answer.status : undefined;
  } catch (error) {
    if (!(error instanceof Error) || error instanceof SetupError) throw error;
    say(error.message);
    return undefined;
  }
}

function usersOfPath(path: string): User[] {
  const status = statSync(path, { throwIfNoEntry: false });
  return status === undefined ? [] : usersOf(status.rdev);
}

function format(ports: readonly Listed[]): string {
  const rows = ports.map(({ path, driver, device, holder, lines, exclusive, users }) => [
    word(path),
    driver ?? '-',
    device === null ? '-' : word(device),
    holder === null ? '-' : `luo (${holder.pid})${holder.state === 'waiting' ? ', unplugged' : ''}`,
    lines === null ? '-' : describeLines(lines) + (exclusive ? ', exclusive' : ''),
    users.length === 0 ? '-' : users.map(({ pid, name }) => `${name} (${pid})`).join(', '),
  ]);
  return table(['PORT', 'DRIVER', 'DEVICE', 'HELD BY', 'LINES', 'OPEN IN'], rows);
}
