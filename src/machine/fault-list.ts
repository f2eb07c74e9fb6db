/** Every point at which a fault can strike: what it does there, and how it is asked for. */
import type { ErrnoName } from '../uapi/errno.js';
import type { FaultPoint } from './faults.js';

export interface FaultDescription {
  readonly point: FaultPoint;
  /** What happens there, for people. */
  readonly what: string;
  /** What it fails with where the fault does not say. Undefined where something is killed. */
  readonly errno?: ErrnoName;
  readonly example: string;
}

export const faultList: readonly FaultDescription[] = [
  { point: 'open', what: 'open of /dev/liveupdate is refused', errno: 'EBUSY', example: 'open:errno=ENOENT' },
  {
    point: 'create_session',
    what: 'CREATE_SESSION is refused',
    errno: 'ENOMEM',
    example: 'create_session:session=vm',
  },
  {
    point: 'retrieve_session',
    what: 'RETRIEVE_SESSION is refused',
    errno: 'ENOENT',
    example: 'retrieve_session:session=vm:generation=2',
  },
  { point: 'preserve_fd', what: 'PRESERVE_FD is refused', errno: 'ENOMEM', example: 'preserve_fd:token=1' },
  {
    point: 'retrieve_fd',
    what: 'RETRIEVE_FD is refused',
    errno: 'ENOMEM',
    example: 'retrieve_fd:token=0x1a:errno=ENOENT:nth=2',
  },
  { point: 'finish', what: 'FINISH is refused', errno: 'EBUSY', example: 'finish:session=vm' },
  { point: 'get_name', what: 'GET_NAME is refused', errno: 'EFAULT', example: 'get_name' },
  {
    point: 'reboot',
    what: 'a kexec is refused before anything is frozen, whether a program asks for it or luo kexec',
    errno: 'EBUSY',
    example: 'reboot:errno=EIO',
  },
  {
    point: 'emfile',
    what: 'the program has no room for the descriptor that a call is to give it',
    errno: 'EMFILE',
    example: 'emfile:call=retrieve_fd',
  },
  { point: 'eintr', what: 'a call is interrupted, as by a signal', errno: 'EINTR', example: 'eintr:call=finish' },
  { point: 'preserve', what: 'the file handler cannot preserve a file', errno: 'ENOMEM', example: 'preserve:token=1' },
  {
    point: 'freeze',
    what: 'the file handler cannot freeze a file: the kexec is cancelled',
    errno: 'EBUSY',
    example: 'freeze:session=vm:token=1',
  },
  {
    point: 'retrieve',
    what: 'the file handler cannot make a file again; Linux 7.3 remembers that, and refuses it for good',
    errno: 'EIO',
    example: 'retrieve:token=0x1a',
  },
  {
    point: 'can_finish',
    what: 'the file handler is not ready for FINISH; memfds have no such callback',
    errno: 'EBUSY',
    example: 'can_finish:session=vm',
  },
  { point: 'flb_preserve', what: 'an FLB cannot be preserved', errno: 'ENOMEM', example: 'flb_preserve' },
  { point: 'flb_retrieve', what: 'an FLB cannot be made again', errno: 'EIO', example: 'flb_retrieve' },
  {
    point: 'allocate',
    what: 'the kernel has no memory left for one allocation',
    errno: 'ENOMEM',
    example: 'allocate:generation=2:nth=3',
  },
  {
    point: 'kill_agent',
    what: 'SIGKILL for the program that makes a call, once luo has answered it or before luo does anything; or in a kexec',
    example: 'kill_agent:after=preserve_fd:nth=2',
  },
  {
    point: 'kill_machine',
    what: 'SIGKILL for the machine in a kexec or after a call: what it preserved is lost, unless it is held (--on-crash)',
    example: 'kill_machine:after=handover',
  },
  {
    point: 'kill_keeper',
    what: 'SIGKILL for the keeper of the machine, of luo run alone, in a kexec or after a call',
    example: 'kill_keeper:after=preserve_fd',
  },
];

export function describeFault(point: FaultPoint): FaultDescription {
  const found = faultList.find((one) => one.point === point);
  if (found === undefined) throw new Error(`Cannot describe the fault "${point}": it is not in the list`);
  return found;
}
