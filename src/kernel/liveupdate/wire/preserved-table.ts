import type { Folio } from '../../kho/folio.js';
import type { Kho } from '../../kho/kho.js';
import { allocatePreserved, freePreserved } from '../../kho/preserved-folio.js';
import { pagesFor } from '../../units.js';
import type { TableRule } from '../profile.js';

/** A table in one run of pages that is preserved from when it is there, so that it can be handed over at any time. */
export class PreservedTable {
  #folio: Folio | undefined;

  constructor(
    readonly kho: Kho,
    readonly rule: TableRule,
  ) {}

  /** Undefined where no memory is set aside. */
  get folio(): Folio | undefined {
    return this.#folio;
  }

  get pages(): number {
    return this.#folio === undefined ? 0 : 2 ** this.#folio.order;
  }

  /**
   * Makes the table at least so long. Its content is lost when it moves: tables are written whole, at the freeze.
   *
   * @returns whether the table is that long now; false where it may not grow
   * @throws KernelError ENOMEM; what was there before stays
   */
  reserve(byteLength: number): boolean {
    if (this.#folio !== undefined && byteLength <= this.#folio.bytes.length) return true;
    if (this.#folio !== undefined && !this.rule.grows) return false;
    const pages = this.rule.grows ? Math.max(pagesFor(byteLength), this.rule.pages) : this.rule.pages;
    const larger = allocatePreserved(this.kho, Math.ceil(Math.log2(pages)));
    this.free();
    this.#folio = larger;
    return byteLength <= larger.bytes.length;
  }

  free(): void {
    const folio = this.#folio;
    if (folio === undefined) return;
    this.#folio = undefined;
    freePreserved(this.kho, folio);
  }
}
