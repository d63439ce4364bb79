import { hash } from 'node:crypto'
import { CompiledQuery, type Kysely } from 'kysely'
import { arrayLiteral } from '../database/columns.ts'
import type { DB } from '../database/schema.ts'
import type { CsvItem } from './csv/item.ts'
import { pairKeyOf, requestedStateOf } from './csv/pair.ts'
import type { BulkLine } from './job.ts'
import { packLines } from './pack.ts'

/** Lines of one chunk: it is one transaction. */
export const CHUNK_LINES = 1_000

/** Characters of the cells of one chunk, of which it has more by less than a line: lines of a file may be as long as a megabyte. */
export const CHUNK_CHARACTERS = 2 ** 22

/**
 * Where the first chunk of lines ends. It depends on nothing but these lines, so a file that is read again has the same chunks.
 *
 * @returns how many of them it has; null: it is not full with them.
 */
export function chunkEnd(lines: readonly BulkLine[]): number | null {
  let characters = 0
  for (const [index, line] of lines.entries()) {
    characters += charactersOf(line)
    if (index + 1 === CHUNK_LINES || characters >= CHUNK_CHARACTERS) return index + 1
  }
  return null
}

/** Characters of the cells of a line. */
export function charactersOf({ cells = [] }: BulkLine): number {
  return cells.reduce((sum, cell) => sum + cell.length, 0)
}

export interface WriteChunkOptions {
  readonly number: number
  /** Whether its lines are going to be compared with all others. */
  readonly isOfFile: boolean
  /** Whether it is kept at once; otherwise with the next commit that is, and the disk is not waited for. */
  readonly isKept: boolean
}

/** Writes a chunk of a job, unless it is there. */
export async function writeChunk(
  db: Kysely<DB>,
  jobId: string,
  lines: readonly BulkLine[],
  { number, isOfFile, isKept }: WriteChunkOptions,
): Promise<void> {
  const cells = lines.some((line) => line.cells !== undefined)
    ? JSON.stringify(lines.map((line) => line.cells ?? []))
    : null
  // Items of a file are what a file can say.
  const compared = isOfFile
    ? [
        arrayLiteral(lines.map(({ item }) => (item === null ? 0 : pairHash(item as CsvItem)))),
        arrayLiteral(requestHashes(lines)),
        arrayLiteral(lines.map(({ line }) => line)),
      ]
    : [null, null, null]
  const values = [jobId, number, lines.length, packLines(lines), cells, ...compared, isKept ? null : 'off']
  await db.executeQuery(CompiledQuery.raw(INSERT, values))
}

const INSERT = `/* bulk.writeChunk */
insert into bulk_chunks (job_id, number, line_count, lines, cells, pairs, says, places)
select $1::uuid, $2::integer, $3::integer, $4::text, $5::text, $6::bigint[], $7::bigint[], $8::integer[]
from (select set_config('synchronous_commit', coalesce($9, current_setting('synchronous_commit')), true)) as own
on conflict do nothing`

/** Most lines of a file ask for the same. */
function requestHashes(lines: readonly BulkLine[]): string[] {
  const known = new Map<string, string>()
  return lines.map(({ item }) => (item === null ? '0' : getOrInsert(known, requestedStateOf(item as CsvItem))))
}

function getOrInsert(known: Map<string, string>, request: string): string {
  const found = known.get(request) ?? hashOf(request)
  known.set(request, found)
  return found
}

/** Equal for lines that name the same learner in the same way, and the same course run; as `bulk_chunks.pairs` has it. */
export function pairHash(item: CsvItem): string {
  return hashOf(pairKeyOf(item))
}

function hashOf(text: string): string {
  return hash('md5', text, 'buffer').readBigInt64BE().toString()
}
