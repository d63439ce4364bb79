import type { OpenApiPart } from './part.ts'
import { answer, DISCOVERY, pathItem, type PathItem } from './path-item.ts'
import { routes } from './routes.ts'
import { componentSchemas } from './schemas.ts'
import { securitySchemes } from './security.ts'

const DESCRIPTION = `Enrollment of learners in course runs: the Enrollment API v1 of Open edX.

HEAD goes wherever GET does. What \`x-other-methods\` lists is the answer to methods that a path does not have. A path
without its last slash is answered with 301 where the slash belongs to it, and any other path with 404; the routes of
extensions say what they do.`

/** A document of OpenAPI 3.1, as plain data. */
export type OpenApiDocument = {
  readonly openapi: string
  readonly info: object
  readonly tags: readonly object[]
  readonly paths: Readonly<Record<string, PathItem>>
  readonly components: Readonly<Record<'schemas' | 'responses' | 'securitySchemes', Readonly<Record<string, object>>>>
}

/**
 * Describes the REST API: the nine routes of the Enrollment API with every answer, from the schemas of the bodies, and what
 * extensions tell of theirs.
 */
export function openApiDocument(parts: readonly OpenApiPart[] = []): OpenApiDocument {
  const tags = [...routes.map(({ tag }) => tag), ...parts.flatMap((part) => part.tags), DISCOVERY]
  return {
    openapi: '3.1.1',
    info: {
      title: 'Enrollment API',
      version: '1',
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    // In the order in which a page shows them.
    tags: [...new Set(tags)].map((name) => ({ name })),
    paths: Object.assign(
      Object.fromEntries(routes.map((route) => [route.path, pathItem(route)])),
      ...parts.map((part) => part.paths),
    ),
    components: {
      schemas: Object.assign(componentSchemas(), ...parts.map((part) => part.schemas)),
      responses: {
        NotFound: answer({ description: 'There is no such path.', bodies: ['Detail'] }),
        SlashMissing: answer({ description: 'The path has to end in a slash.' }),
      },
      securitySchemes,
    },
  }
}
