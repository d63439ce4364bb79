import { createHash } from 'node:crypto'
import { migrations } from '../../core/database/migrate.ts'
import { enterpriseMigrations } from '../../enterprise/database/migrate.ts'

/** Tells one version of the schema from another: by the names of all migrations, and by what they do. */
export function schemaVersion(): string {
  const hash = createHash('sha256')
  for (const [name, { up }] of [...Object.entries(migrations), ...Object.entries(enterpriseMigrations)]) {
    hash.update(`${name}\n${String(up)}\n`)
  }
  return hash.digest('hex').slice(0, 16)
}
