import { writeFileSync } from 'node:fs';
import type { Waveform } from '../../devices/waveform.js';
import { waveformSvg } from '../../devices/waveform-svg.js';
import { waveformText } from '../../devices/waveform-text.js';

/** How a waveform is shown: drawn in characters or as a picture, or as data (devices/waveform.ts). */
export type WaveformFormat = 'text' | 'ascii' | 'svg' | 'json';

const DEFAULT_WIDTH = 100;

/** The format that the name of a file asks for. */
export function formatOf(path: string): WaveformFormat {
  if (path.endsWith('.svg')) return 'svg';
  return path.endsWith('.json') ? 'json' : 'text';
}

/**
 * Waveforms as one text. A picture is of one port: there is one for each, one after the other.
 *
 * @param width of a drawing in characters
 */
export function show(waveforms: readonly Waveform[], format: WaveformFormat, width = DEFAULT_WIDTH): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(waveforms, null, 2)}\n`;
    case 'svg':
      return waveforms.map((waveform) => waveformSvg(waveform)).join('\n');
    default:
      return waveforms.map((waveform) => waveformText(waveform, { width, ascii: format === 'ascii' })).join('\n');
  }
}

/** Writes them into a file, in the format that its name asks for. */
export function writeWaveforms(path: string, waveforms: readonly Waveform[]): void {
  writeFileSync(path, show(waveforms, formatOf(path)), { mode: 0o600 });
}
