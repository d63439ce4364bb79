import { isObject, jsonOf } from '../exchange/json-differences.ts'
import { loggedRequest, type LogEntry } from './logged.ts'

/** A longer entry is left out, so that memory stays bounded. In characters. */
const LONGEST_ENTRY = 8 * 1024 * 1024

/** The requests of a HAR file with their answers, one entry of `log.entries` at a time. */
export async function* entriesOfHar(source: AsyncIterable<Uint8Array>): AsyncGenerator<LogEntry> {
  let place = 0
  for await (const text of entryTexts(source)) {
    place += 1
    yield text === null ? { place, unreadable: 'longer than 8 MB' } : ofEntry(place, text)
  }
}

function ofEntry(place: number, text: string): LogEntry {
  const entry = jsonOf(text)
  const [request, response] = isObject(entry) ? [entry['request'], entry['response']] : []
  if (!isObject(request)) return { place, unreadable: 'without a request' }
  const posted = isObject(request['postData']) ? request['postData'] : {}
  const content = isObject(response) && isObject(response['content']) ? response['content'] : {}
  return loggedRequest(place, {
    method: request['method'],
    target: request['url'],
    contentType: posted['mimeType'],
    accept: headerOf(request['headers'], 'accept'),
    body: posted['text'],
    status: isObject(response) ? response['status'] : undefined,
    answer: textOfContent(content),
  })
}

function headerOf(headers: unknown, name: string): unknown {
  const all: unknown[] = Array.isArray(headers) ? headers : []
  return all.filter(isObject).find((header) => String(header['name']).toLowerCase() === name)?.['value']
}

function textOfContent({ text, encoding, size }: Record<string, unknown>): unknown {
  if (typeof text !== 'string') return size === 0 ? '' : undefined
  return encoding === 'base64' ? Buffer.from(text, 'base64').toString('utf8') : text
}

/** Where a walk through the text of a HAR file is. */
interface Walk {
  depth: number
  inText: boolean
  isEscaped: boolean
  /** The last text at the depth of the keys of `log`. */
  key: string
  inEntries: boolean
}

/** The texts of the objects of `log.entries`, cut out as they arrive; null for one that is too long. */
async function* entryTexts(source: AsyncIterable<Uint8Array>): AsyncGenerator<string | null> {
  const decoder = new TextDecoder()
  const walk: Walk = { depth: 0, inText: false, isEscaped: false, key: '', inEntries: false }
  let entry: string | undefined
  for await (const piece of source) {
    const text = decoder.decode(piece, { stream: true })
    let from = 0
    for (let at = 0; at < text.length; at += 1) {
      const change = step(walk, text.charAt(at))
      if (change === 'begins') {
        entry = ''
        from = at
      } else if (change === 'ends' && entry !== undefined) {
        const whole = entry + text.slice(from, at + 1)
        yield whole.length > LONGEST_ENTRY ? null : whole
        entry = undefined
      }
    }
    // What is too long is only remembered as being so.
    if (entry !== undefined && entry.length <= LONGEST_ENTRY) entry += text.slice(from)
  }
}

const ENTRY_DEPTH = 4

/** Takes one character, and tells where an entry begins and ends. */
function step(walk: Walk, char: string): 'begins' | 'ends' | undefined {
  if (walk.inText) return stepInText(walk, char)
  if (char === '"') {
    walk.inText = true
    if (walk.depth === 2) walk.key = ''
    return undefined
  }
  if (char === '{' || char === '[') {
    if (walk.depth === 2) walk.inEntries = char === '[' && walk.key === 'entries'
    walk.depth += 1
    return walk.inEntries && walk.depth === ENTRY_DEPTH ? 'begins' : undefined
  }
  if (char !== '}' && char !== ']') return undefined
  walk.depth -= 1
  if (walk.depth === 2) walk.inEntries = false
  return walk.inEntries && walk.depth === ENTRY_DEPTH - 1 ? 'ends' : undefined
}

function stepInText(walk: Walk, char: string): undefined {
  if (walk.isEscaped) walk.isEscaped = false
  else if (char === '\\') walk.isEscaped = true
  else if (char === '"') walk.inText = false
  else if (walk.depth === 2 && walk.key.length < 20) walk.key += char
}
