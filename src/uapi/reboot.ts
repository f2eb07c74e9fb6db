/** `linux/reboot.h`: what `reboot` takes. All are unsigned 32-bit numbers. */

export const LINUX_REBOOT_MAGIC1 = 0xfee1dead;

/** Any of these is the second magic number. */
export const LINUX_REBOOT_MAGIC2 = [672274793, 85072278, 369367448, 537993216] as const;

export const LINUX_REBOOT_CMD_RESTART = 0x01234567;
export const LINUX_REBOOT_CMD_HALT = 0xcdef0123;
export const LINUX_REBOOT_CMD_CAD_ON = 0x89abcdef;
export const LINUX_REBOOT_CMD_CAD_OFF = 0x00000000;
export const LINUX_REBOOT_CMD_POWER_OFF = 0x4321fedc;
export const LINUX_REBOOT_CMD_RESTART2 = 0xa1b2c3d4;
export const LINUX_REBOOT_CMD_SW_SUSPEND = 0xd000fce2;
export const LINUX_REBOOT_CMD_KEXEC = 0x45584543;
