import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import { EnrollmentError, failure } from '../errors.ts'
import { PIECE_BYTES } from './uploads.ts'

/**
 * Keeps a file of any size for a job (bulk.md §1), in pieces as it arrives: no more than one of them is in memory, and a connection
 * is used for the time of a statement, however slow the file comes. What is cut off leaves nothing; where not even that can be
 * written, a row whose `bytes` are null, which is swept.
 *
 * @param db the pool.
 * @returns the id of the upload.
 * @throws {EnrollmentError} `uploadNotFound` where it took so long that it was swept meanwhile.
 * @throws what the source throws, and what the database throws.
 */
export async function writeUpload(
  db: Kysely<DB>,
  source: AsyncIterable<Uint8Array>,
  { actorName, now }: { readonly actorName: string; readonly now: Date },
): Promise<string> {
  const id = randomUUID()
  await db
    .insertInto('bulk_uploads')
    .values({ id, actor_name: actorName, created: instantFromDate(now) })
    .execute()
  try {
    let bytes = 0
    let number = 0
    for await (const piece of piecesOf(source)) {
      await db.insertInto('bulk_upload_pieces').values({ upload_id: id, number, bytes: piece }).execute()
      bytes += piece.length
      number += 1
    }
    const whole = db.updateTable('bulk_uploads').set({ bytes }).where('id', '=', id)
    const { numUpdatedRows } = await whole.executeTakeFirstOrThrow()
    if (numUpdatedRows !== 1n) throw new EnrollmentError(failure('uploadNotFound', { uploadId: id }))
    return id
  } catch (error) {
    await deleteUpload(db, id).catch(() => undefined)
    throw error
  }
}

async function deleteUpload(db: Kysely<DB>, id: string): Promise<void> {
  await db.deleteFrom('bulk_upload_pieces').where('upload_id', '=', id).execute()
  await db.deleteFrom('bulk_uploads').where('id', '=', id).execute()
}

async function* piecesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let parts: Uint8Array[] = []
  let length = 0
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + PIECE_BYTES - length)
      parts.push(part)
      length += part.length
      at += part.length
      if (length < PIECE_BYTES) continue
      yield Buffer.concat(parts)
      parts = []
      length = 0
    }
  }
  if (length > 0) yield Buffer.concat(parts)
}
