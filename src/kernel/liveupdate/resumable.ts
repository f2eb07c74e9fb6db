import { KernelError } from '../error.js';
import { type File, HostFile } from '../fs/file.js';
import type { FileHandler } from './handler.js';

/**
 * The file for a kernel in another process that takes the place of this one.
 *
 * @param what which file it is, for the message
 * @throws KernelError EOPNOTSUPP where its handler cannot go on there, or it is none of the host's
 */
export function resumableFile(
  what: string,
  { compatible, incomingFile, resume }: FileHandler,
  file: File | undefined,
): HostFile {
  if (incomingFile === undefined || resume === undefined) {
    throw new KernelError(
      'EOPNOTSUPP',
      `Cannot take ${what} to another process: the handler "${compatible}" has no incomingFile and resume. Finish or close the session first`,
    );
  }
  if (file instanceof HostFile) return file;
  throw new KernelError('EOPNOTSUPP', `Cannot take ${what} to another process: it is no file of the host`);
}
