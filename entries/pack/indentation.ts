/**
 * Indents a module as the compiler writes it by tabs in place of four spaces each: the package has to stay small. Texts of several
 * lines stay as they are.
 */
export function indentedByTabs(text: string): string {
  let isWithinText = false
  const lines = text.split('\n').map((line) => {
    const began = isWithinText
    // Without templates within templates, of which a module of ours has none that ends on another line.
    if ((line.replaceAll(ESCAPED, '').split('`').length - 1) % 2 === 1) isWithinText = !isWithinText
    return began
      ? line
      : line.replace(/^ +/, (spaces) => '\t'.repeat(Math.floor(spaces.length / 4)) + ' '.repeat(spaces.length % 4))
  })
  return lines.join('\n')
}

/** Backticks that begin or end nothing. */
const ESCAPED = /\\`|'[^'`\n]*`[^'\n]*'/g
