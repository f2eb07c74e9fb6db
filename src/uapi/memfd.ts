/** `linux/memfd.h`: the flags of `memfd_create`. */

export const MFD_CLOEXEC = 0x01;
export const MFD_ALLOW_SEALING = 0x02;
export const MFD_HUGETLB = 0x04;
export const MFD_NOEXEC_SEAL = 0x08;
export const MFD_EXEC = 0x10;
/** Where the base-2 logarithm of the page size stands in the flags, with `MFD_HUGETLB`. 0 is the default size. */
export const MFD_HUGE_SHIFT = 26;
