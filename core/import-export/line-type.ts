import type { Kysely } from 'kysely'
import type { z } from 'zod'
import type { DB } from '../database/schema.ts'
import type { AnyLine } from './lines.ts'
import type { GroupImporter } from './outcome.ts'

/** A type of line that does not belong to the house: imports and exports are given those of a tenant. */
export interface ExtensionLineType {
  readonly type: string
  /** How its lines look, for a person; a key with a question mark may be left out. */
  readonly usage: string
  readonly schema: z.ZodType<AnyLine>
  /** Takes what the schema has read. */
  readonly importGroup: GroupImporter<never>
  /** Whole lines, each with its line end; importing them into an empty database and exporting again gives the same. */
  readonly exportLines: (db: Kysely<DB>) => AsyncGenerator<string>
}

/** Makes a type of line whose importer takes what its schema reads. */
export function extensionLineType<S extends z.ZodType<AnyLine>>(
  type: Omit<ExtensionLineType, 'schema' | 'importGroup'> & {
    readonly schema: S
    readonly importGroup: GroupImporter<z.output<S>>
  },
): ExtensionLineType {
  return type
}
