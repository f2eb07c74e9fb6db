/** Text from a wire or a file, for a terminal: a control character would do something there. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '�');
}
