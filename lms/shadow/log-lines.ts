import { splitLines } from '../../core/import-export/split.ts'
import { isObject, jsonOf } from '../exchange/json-differences.ts'
import { loggedRequest, type LogEntry } from './logged.ts'

/**
 * The requests of an access log: lines of JSON, as nginx writes them with `log_format … escape=json`, or lines of the common and
 * combined formats. Lines of JSON may hold the answer too.
 */
export async function* entriesOfLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<LogEntry> {
  for await (const lines of splitLines(source)) {
    for (const line of lines) {
      if (line.text === null) yield { place: line.number, unreadable: line.reason }
      else
        yield line.text.trimStart().startsWith('{')
          ? ofJson(line.number, line.text)
          : ofCombined(line.number, line.text)
    }
  }
}

function ofJson(place: number, text: string): LogEntry {
  const json = jsonOf(text)
  if (!isObject(json)) return { place, unreadable: 'not JSON' }
  const [request, response] = [json['request'], json['response']]
  const asked = isObject(request) ? { ...json, ...request } : json
  const answered = isObject(response) ? response : json
  const [method, target] = typeof request === 'string' ? request.split(' ') : []
  const uri = first(asked, ['request_uri', 'uri', 'url', 'path', 'target'])
  const query = first(asked, ['args', 'query_string', 'query'])
  return loggedRequest(place, {
    method: first(asked, ['request_method', 'method']) ?? method,
    target: withQuery(uri, query) ?? target,
    contentType: first(asked, ['content_type', 'http_content_type']),
    accept: first(asked, ['http_accept', 'accept']),
    body: first(asked, isObject(request) ? ['request_body', 'body'] : ['request_body']),
    status: first(answered, ['status', 'status_code']),
    answer: first(answered, isObject(response) ? ['body', 'response_body', 'text'] : ['response_body', 'resp_body']),
  })
}

function first(object: Record<string, unknown>, keys: readonly string[]): unknown {
  return keys.map((key) => object[key]).find((value) => value !== undefined && value !== null)
}

/** nginx has `$request_uri` with the query, and `$uri` with `$args` beside it. */
function withQuery(uri: unknown, query: unknown): unknown {
  if (typeof uri !== 'string' || uri.includes('?') || typeof query !== 'string' || query === '' || query === '-')
    return uri
  return `${uri}?${query}`
}

/** `… "GET /path HTTP/1.1" 200 …` */
const COMBINED = /"([A-Z]+) (\S+)(?: HTTP\/[\d.]+)?" (\d{3})\b/

function ofCombined(place: number, text: string): LogEntry {
  const [, method, target, status] = COMBINED.exec(text) ?? []
  if (method === undefined) return { place, unreadable: 'not a line of an access log' }
  return loggedRequest(place, { method, target, status })
}
