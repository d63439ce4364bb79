import { hasRow, type Contract } from './contract.ts'
import type { TextFile } from './files.ts'

const DOCUMENT = 'rest-v1|rpc|run|enterprise-routes|enterprise|package|events|bulk|adoption|lms'
const PLACE = String.raw`§\d+(?:\.\d+)*|[A-E]\.\d+|[DER]\d{1,2}(?![\w.])`
/** In a link to the file itself the sign is left out: `events.md 1`. */
const BARE_PLACE = String.raw`\d+(?:\.\d+)*|[A-E]\b`
const ROWS = String.raw`(?:,? (?:rows?|steps?|stages?|examples?) (?<first>\d+[a-z]?)(?:(?: to | and |-)(?<last>\d+[a-z]?))?)?`
const NEXT = String.raw`(?:, and |, or |; | and | to | or |, )`

const named = new RegExp(
  String.raw`(?<![\w/-])(?<document>${DOCUMENT})(?:\.md)? (?:(?<=\.md )(?:§|C\.)?(?:${BARE_PLACE})|${PLACE})`,
  'g',
)
const place = new RegExp(String.raw`(?:${PLACE})${ROWS}`, 'y')
const placeInFile = new RegExp(String.raw`(?:${PLACE}|${BARE_PLACE})${ROWS}`, 'y')
const next = new RegExp(String.raw`${NEXT}(?=${PLACE})`, 'y')
const unnamed = new RegExp(
  String.raw`§\d[\d.]*|(?<![\w.+:/'"‑-])(?:[DER]\d{1,2}|[A-C]\.\d{1,2})(?![\w.:+/])${ROWS}`,
  'g',
)
const unmarked = new RegExp(String.raw`(?<![\w/-])(?:${DOCUMENT}) \d+\.\d+(?![\d.]* ?[a-z%×])`, 'g')

/** Whose rows those are that are named without a document. */
const DOCUMENT_OF_LETTER: Readonly<Record<string, string>> = {
  D: 'rest-v1',
  R: 'rest-v1',
  E: 'enterprise',
  C: 'enterprise',
}

/** What leads nowhere in a file, in words. */
export function brokenReferences(file: TextFile, contracts: ReadonlyMap<string, Contract>): string[] {
  const text = withoutBreaks(file.text)
  const own = /^docs\/contract\/(.*)\.md$/.exec(file.path)?.[1]
  const { broken, rest } = followNamed(text, contracts)
  return [
    ...broken,
    ...followUnnamed(rest, own, contracts),
    ...[...rest.matchAll(unmarked)].map(([match]) => `“${match}” has no §`),
  ].map((problem) => `${file.path}: ${problem}`)
}

/** How many references a file has. */
export function countReferences({ text }: TextFile): number {
  return [...withoutBreaks(text).matchAll(named)].length
}

/** A reference may go on in the next line of a comment. */
function withoutBreaks(text: string): string {
  return text.replaceAll(/\n\s*(?:\*(?!\/)|\/\/)?\s*/g, ' ')
}

function followNamed(text: string, contracts: ReadonlyMap<string, Contract>): { broken: string[]; rest: string } {
  const broken: string[] = []
  let rest = ''
  let end = 0
  for (const match of text.matchAll(named)) {
    const document = match.groups?.['document'] ?? ''
    if (match.index < end) continue
    rest += text.slice(end, match.index)
    const isFile = match[0].startsWith(`${document}.md`)
    end = match.index + document.length + (isFile ? 4 : 1)
    for (let reading = isFile ? placeInFile : place; ; reading = place) {
      reading.lastIndex = end
      const found = reading.exec(text)
      if (found === null) break
      end = reading.lastIndex
      if (!leads(found, contracts.get(document))) broken.push(`“${document} ${found[0]}” leads nowhere`)
      next.lastIndex = end
      if (next.exec(text) === null) break
      end = next.lastIndex
    }
  }
  return { broken, rest: rest + text.slice(end) }
}

function followUnnamed(text: string, own: string | undefined, contracts: ReadonlyMap<string, Contract>): string[] {
  return [...text.matchAll(unnamed)].flatMap((match) => {
    if (match[0].startsWith('§')) return own === undefined ? [`“${match[0]}” names no contract`] : []
    const inOwn = own !== undefined && leads(match, contracts.get(own))
    const document = DOCUMENT_OF_LETTER[match[0].charAt(0)]
    if (inOwn || document === undefined || leads(match, contracts.get(document))) return []
    return [`“${match[0]}” leads nowhere`]
  })
}

function leads({ 0: match, groups }: RegExpExecArray, contract: Contract | undefined): boolean {
  if (contract === undefined) return false
  const [section = ''] = match.replace('§', '').split(/,? (?:rows?|steps?|stages?|examples?) /)
  if (!contract.places.has(section)) return false
  return [groups?.['first'], groups?.['last']].every((row) => row === undefined || hasRow(contract, section, row))
}
