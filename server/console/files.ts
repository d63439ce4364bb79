import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, extname, join } from 'node:path'

/** A file of the page, as it is sent. */
export interface PageFile {
  readonly type: string
  readonly content: Buffer
  readonly etag: string
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Reads the built page, once, by the names of its files: they are few and small. */
export function readPageFiles(folder: string): ReadonlyMap<string, PageFile> {
  return new Map(
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((path): [string, PageFile][] => {
      const type = TYPES[extname(path)]
      if (type === undefined) return []
      const content = readFileSync(join(folder, path))
      const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 27)}"`
      return [[basename(path), { type, content, etag }]]
    }),
  )
}
