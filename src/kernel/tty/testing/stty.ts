/** Settings by words, as the measured records have them. */
import {
  BOTHER,
  CBAUD,
  CLOCAL,
  CMSPAR,
  CREAD,
  CRTSCTS,
  CSIZE,
  CSTOPB,
  HUPCL,
  PARENB,
  PARODD,
  speedCode,
  type Termios,
} from '../../../uapi/tty.js';

const flagWords: Readonly<Record<string, number>> = { HUPCL, CLOCAL, CRTSCTS, CREAD, PARENB, PARODD, CMSPAR, CSTOPB };

/** The settings with what a call such as `TCSETS B0 -HUPCL with RTS cleared` names. */
export function changeTermios(now: Termios, call: string): Termios {
  const wanted = call.replace(/ (with|under|during|through|again)\b.*/, '');
  const isRaw = /\braw\b/.test(wanted);
  let controlFlags = now.controlFlags;
  let { inputSpeed, outputSpeed } = now;
  for (const [, minus, word = ''] of wanted.matchAll(/(-?)\b([A-Z]+\d*)\b/g)) {
    const flag = flagWords[word] ?? 0;
    controlFlags = minus === '-' ? controlFlags & ~flag : controlFlags | flag;
    const size = /^CS([5-8])$/.exec(word)?.[1];
    if (size !== undefined) controlFlags = (controlFlags & ~CSIZE) | ((Number(size) - 5) << 4);
    const speed = /^B(\d+)$/.exec(word)?.[1];
    if (speed !== undefined) controlFlags = (controlFlags & ~CBAUD) | speedCode(Number(speed));
    if (word === 'BOTHER') controlFlags = (controlFlags & ~CBAUD) | BOTHER;
  }
  const any = /BOTHER (\d+)/.exec(wanted)?.[1];
  if (any !== undefined) inputSpeed = outputSpeed = Number(any);
  const flags = isRaw ? { inputFlags: 0, outputFlags: 0, localFlags: 0 } : {};
  const minimum = /VMIN (\d+)/.exec(wanted)?.[1] ?? (isRaw ? '1' : undefined);
  const controlCharacters = now.controlCharacters.map((one, index) =>
    index === 6 && minimum !== undefined ? Number(minimum) : one,
  );
  return { ...now, ...flags, controlCharacters, controlFlags: controlFlags >>> 0, inputSpeed, outputSpeed };
}
