/**
 * Indents a module by tabs: the package has to stay small. Texts of several lines stay as they are.
 *
 * @param width how many spaces a tab takes the place of: the compiler writes four, our sources have two.
 */
export function indentedByTabs(text: string, width: number): string {
  let isWithinText = false
  const lines = text.split('\n').map((line) => {
    const began = isWithinText
    // Without templates within templates, of which a module of ours has none that ends on another line.
    if ((line.replaceAll(ESCAPED, '').split('`').length - 1) % 2 === 1) isWithinText = !isWithinText
    return began
      ? line
      : line.replace(
          /^ +/,
          (spaces) => '\t'.repeat(Math.floor(spaces.length / width)) + ' '.repeat(spaces.length % width),
        )
  })
  return lines.join('\n')
}

/** Backticks that begin or end nothing. */
const ESCAPED = /\\`|'[^'`\n]*`[^'\n]*'/g
