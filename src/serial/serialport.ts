/**
 * Serial ports for programs of Node, by `serialport`: nothing that is opened or closed here moves DTR or RTS.
 *
 *     import { SerialPortStream } from '@serialport/stream';
 *     import { LuoBinding } from 'luo/serialport';
 *
 *     const port = new SerialPortStream({ binding: LuoBinding, path: '/dev/ttyUSB0', baudRate: 115200 });
 */
export { LuoBinding, type LuoPortInfo } from './binding.js';
export { LuoPort, type LuoSetOptions } from './binding-port.js';
export { LuoPortError } from './error.js';
export type { LuoOpenOptions } from './settings.js';
