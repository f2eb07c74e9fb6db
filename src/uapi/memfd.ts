/** `linux/memfd.h`: the flags of `memfd_create`. */

export const MFD_CLOEXEC = 0x01;
export const MFD_ALLOW_SEALING = 0x02;
export const MFD_HUGETLB = 0x04;
export const MFD_NOEXEC_SEAL = 0x08;
export const MFD_EXEC = 0x10;
