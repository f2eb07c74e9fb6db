/**
 * A point at which the world may refuse the kernel something: memory, or what a handler or an FLB is asked to do.
 * Everything that can fail of itself passes one, so that each failure can be brought about.
 */
export type Step =
  | { readonly kind: 'allocate'; readonly pages: number }
  | {
      readonly kind: 'file';
      readonly callback: 'preserve' | 'freeze' | 'retrieve' | 'can_finish';
      /** Its text is the session's name in quotes. */
      readonly session: { readonly bytes: Uint8Array; toString(): string };
      readonly token: bigint;
      readonly compatible: string;
    }
  | { readonly kind: 'flb'; readonly callback: 'preserve' | 'retrieve'; readonly compatible: string };

/** @throws KernelError where this step is to fail */
export type Visit = (step: Step) => void;
