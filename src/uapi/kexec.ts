/** `linux/kexec.h`: the flags of `kexec_file_load` and `kexec_load`. */

export const KEXEC_FILE_UNLOAD = 0x1;
export const KEXEC_FILE_ON_CRASH = 0x2;
export const KEXEC_FILE_NO_INITRAMFS = 0x4;
export const KEXEC_FILE_DEBUG = 0x8;

export const KEXEC_ON_CRASH = 0x1;
export const KEXEC_PRESERVE_CONTEXT = 0x2;
export const KEXEC_UPDATE_ELFCOREHDR = 0x4;
export const KEXEC_CRASH_HOTPLUG_SUPPORT = 0x8;

/** The upper half of the flags of `kexec_load` names the architecture; 0 is that of the running kernel. */
export const KEXEC_ARCH_MASK = 0xffff0000;
export const KEXEC_ARCH_DEFAULT = 0;
export const KEXEC_ARCH_X86_64 = 0x003e0000;
export const KEXEC_ARCH_AARCH64 = 0x00b70000;

/** The most segments that `kexec_load` takes. */
export const KEXEC_SEGMENT_MAX = 16;
