import type { Kysely } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import type { CallMetadata } from '../enrollment/command.ts'
import { EnrollmentError, failure } from '../errors.ts'

/** Bytes of one piece of an upload. */
export const PIECE_BYTES = 1024 * 1024

/** Keeps a whole file that is in memory; one that arrives over the network is written piece by piece. */
export async function writePieces(
  db: Kysely<DB>,
  bytes: Buffer,
  { actor, now }: Pick<CallMetadata, 'actor' | 'now'>,
): Promise<string> {
  const { id } = await db
    .insertInto('bulk_uploads')
    .values({ actor_name: actor.name, bytes: bytes.length, created: instantFromDate(now) })
    .returning('id')
    .executeTakeFirstOrThrow()
  for (let from = 0, number = 0; from < bytes.length; from += PIECE_BYTES, number += 1) {
    const piece = bytes.subarray(from, from + PIECE_BYTES)
    await db.insertInto('bulk_upload_pieces').values({ upload_id: id, number, bytes: piece }).execute()
  }
  return id
}

/**
 * The bytes of an upload, a piece in memory at a time.
 *
 * @throws {EnrollmentError} `uploadNotFound`
 */
export async function* readPieces(db: Kysely<DB>, uploadId: string): AsyncGenerator<Buffer, void, void> {
  const upload = await db.selectFrom('bulk_uploads').select('id').where('id', '=', uploadId).executeTakeFirst()
  if (upload === undefined) throw new EnrollmentError(failure('uploadNotFound', { uploadId }))
  for (let number = 0; ; number += 1) {
    const piece = await db
      .selectFrom('bulk_upload_pieces')
      .select('bytes')
      .where('upload_id', '=', uploadId)
      .where('number', '=', number)
      .executeTakeFirst()
    if (piece === undefined) return
    yield piece.bytes
  }
}
