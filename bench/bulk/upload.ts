import { writeUpload } from '../../core/bulk/receive-upload.ts'
import type { Database } from '../../core/database/open.ts'
import type { EnrollItem } from '../../routers/index.ts'

/** Puts up a file of items, piece by piece, as it would arrive; answers the id of the upload. */
export function putUp(db: Database, items: Iterable<EnrollItem>): Promise<string> {
  return writeUpload(db, bytesOf(items), { actorName: 'bench', now: new Date() })
}

async function* bytesOf(items: Iterable<EnrollItem>): AsyncGenerator<Uint8Array> {
  let text = 'username,course_id\n'
  for (const item of items) {
    text += `${'username' in item ? item.username : ''},${item.courseId}\n`
    if (text.length < 500_000) continue
    yield Buffer.from(text)
    text = ''
  }
  yield Buffer.from(text)
}
