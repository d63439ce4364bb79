/** A line of Markdown that is a heading. */
export interface Heading {
  readonly level: number
  readonly text: string
}

/** Code of a fence. */
export interface CodeBlock {
  /** What stands behind the fence, e.g. `sh`. */
  readonly language: string
  readonly code: string
}

/** The headings of a document, in order. */
export function headingsOf(markdown: string): Heading[] {
  return proseLines(markdown).flatMap((line) => {
    const [, marks, text] = /^(#{1,6}) +(.*?)\s*#*$/.exec(line) ?? []
    return marks === undefined || text === undefined ? [] : [{ level: marks.length, text }]
  })
}

/** The anchors that a document has on GitHub: one for each heading, with a number where two are the same. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>()
  for (const { text } of headingsOf(markdown)) {
    const anchor = anchorOf(text)
    let unique = anchor
    for (let count = 1; anchors.has(unique); count += 1) unique = `${anchor}-${count}`
    anchors.add(unique)
  }
  return anchors
}

function anchorOf(heading: string): string {
  const shown = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
  return shown
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
    .replaceAll(' ', '-')
}

/** The targets of links, outside of code. */
export function linksOf(markdown: string): string[] {
  const prose = proseLines(markdown)
    .join('\n')
    .replaceAll(/`[^`\n]*`/g, '')
  return [...prose.matchAll(/\]\(([^()\s]+)\)/g)].flatMap(([, target]) => target ?? [])
}

/** What stands between single backticks. */
export function inlineCodeOf(markdown: string): string[] {
  return [
    ...proseLines(markdown)
      .join('\n')
      .matchAll(/`([^`\n]+)`/g),
  ].flatMap(([, code]) => code ?? [])
}

/** The blocks of code, in order. */
export function codeBlocksOf(markdown: string): CodeBlock[] {
  return [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].map(([, language = '', code = '']) => ({
    language,
    code,
  }))
}

/** All lines that are not inside of a fence. */
export function proseLines(markdown: string): string[] {
  return markdown.replaceAll(/^```[\s\S]*?^```/gm, '').split('\n')
}

/** The cells of the rows of a line's table; null: the line is no row. */
export function cellsOf(line: string): string[] | null {
  if (!/^\s*\|.*\|\s*$/.test(line)) return null
  const cells = line
    .trim()
    .slice(1, -1)
    .split(/(?<!\\)\|/)
  return cells.map((cell) => cell.trim())
}
