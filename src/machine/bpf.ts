/** Classic BPF as seccomp runs it: instructions of 8 bytes over `struct seccomp_data`. */

const BPF_LD_W_ABS = 0x20;
const BPF_ALU_AND_K = 0x54;
const BPF_JMP_JEQ_K = 0x15;
const BPF_JMP_JGE_K = 0x35;
const BPF_RET_K = 0x06;

/** The offsets in `struct seccomp_data`. */
export const DATA_NUMBER = 0;
export const DATA_ARCHITECTURE = 4;
/** The low 32 bits of argument 0 to 5; both architectures that luo knows are little-endian. */
export const dataArgument = (index: number) => 16 + 8 * index;

export interface Instruction {
  readonly code: number;
  readonly ifTrue: number;
  readonly ifFalse: number;
  readonly operand: number;
}

export const load = (offset: number): Instruction => plain(BPF_LD_W_ABS, offset);
export const mask = (bits: number): Instruction => plain(BPF_ALU_AND_K, bits);
export const give = (action: number): Instruction => plain(BPF_RET_K, action);

/** Goes on with the next instruction where the loaded word equals `value`, else skips `otherwise` instructions. */
export const ifEqual = (value: number, otherwise: number): Instruction => jump(BPF_JMP_JEQ_K, value, otherwise);
/** The same for an unsigned word that is at least `value`. */
export const ifAtLeast = (value: number, otherwise: number): Instruction => jump(BPF_JMP_JGE_K, value, otherwise);

/** Skips the next instruction where the loaded word equals `value`. */
export const skipIfEqual = (value: number): Instruction => ({ ...jump(BPF_JMP_JEQ_K, value, 0), ifTrue: 1 });

function plain(code: number, operand: number): Instruction {
  return { code, ifTrue: 0, ifFalse: 0, operand };
}

function jump(code: number, operand: number, ifFalse: number): Instruction {
  if (ifFalse > 255) throw new RangeError(`Cannot jump over ${ifFalse} instructions: at most 255 can be skipped`);
  return { code, ifTrue: 0, ifFalse, operand };
}

/** The bytes of `struct sock_filter` for each instruction. */
export function assemble(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8);
  const view = new DataView(bytes.buffer);
  instructions.forEach(({ code, ifTrue, ifFalse, operand }, index) => {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, ifTrue);
    view.setUint8(index * 8 + 3, ifFalse);
    view.setUint32(index * 8 + 4, operand >>> 0, true);
  });
  return bytes;
}
