/** Sockets that are bound and listen, without a server that accepts. */
import { renameSync, rmSync } from 'node:fs';
import { createServer, type ListenOptions, type Server } from 'node:net';
import { duplicate } from '../../host/descriptors.js';
import { descriptorOf } from './handles.js';

/** Resolves when the server listens. */
export function listening(
  server: Server,
  options: ListenOptions & { readonly fd?: number },
  backlog?: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => {
      server.off('listening', succeeded);
      reject(error);
    };
    const succeeded = () => {
      server.off('error', failed);
      resolve();
    };
    server.once('error', failed).once('listening', succeeded);
    // Node takes the length of the queue from the options only where it binds.
    server.listen(options, backlog);
  });
}

/**
 * A server of its own binds, and is closed before it could accept anything. Node removes the path of a UNIX socket with
 * the server that has bound it, so that the one that serves must not be that.
 *
 * @returns a descriptor
 */
export async function bind(options: ListenOptions): Promise<number> {
  const binder = createServer();
  await listening(binder, { ...options, exclusive: true });
  const fd = descriptorOf(binder);
  if (fd === undefined) throw new Error(`Cannot listen on ${JSON.stringify(options)}: Node gave no descriptor`);
  const kept = duplicate(fd);
  const path = pathOf(options);
  if (path === undefined) {
    binder.close();
  } else {
    const elsewhere = `${path}.${process.pid}`;
    renameSync(path, elsewhere);
    binder.close();
    renameSync(elsewhere, path);
  }
  return kept;
}

/** The port of a socket that listens; undefined where it is none of TCP. */
export async function portOf(fd: number): Promise<number | undefined> {
  const reader = createServer();
  await listening(reader, { fd: duplicate(fd) });
  const address = reader.address();
  // Before it could accept anything.
  reader.close();
  return typeof address === 'object' ? address?.port : undefined;
}

/** Removes the path of a UNIX socket, as Node does with the server that has bound it. */
export function removePath(options: ListenOptions): void {
  const path = pathOf(options);
  if (path !== undefined) rmSync(path, { force: true });
}

/** That of a UNIX socket, where it has one in the file system. */
function pathOf({ path, port }: ListenOptions): string | undefined {
  return port === undefined && path !== undefined && !path.startsWith('\0') ? path : undefined;
}
