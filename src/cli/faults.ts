import { faultList } from '../machine/fault-list.js';
import { print } from './output.js';
import { table } from './table.js';

/** `luo faults`. */
export function faults(): void {
  const rows = faultList.map(({ point, errno = '-', example, what }) => [point, errno, `--inject ${example}`, what]);
  print(
    `${table(['POINT', 'ERROR', 'EXAMPLE', 'WHAT HAPPENS'], rows)}
A fault is POINT[:session=NAME][:token=NUMBER][:errno=NAME][:nth=NUMBER][:generation=NUMBER]. It strikes once, at the
nth that matches (default 1). emfile and eintr take call=CALL. kill_agent, kill_machine and kill_keeper take after=CALL, or
after=check, freeze, handover, boot, end or execute for a step of a kexec; kill_agent takes before=CALL, too. A name with
a colon stands in double quotes.
`,
  );
}
