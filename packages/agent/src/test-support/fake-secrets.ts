/** Secrets with nothing in them but a name and a version. */
import { create } from '@bufbuild/protobuf'
import { anyPack } from '@bufbuild/protobuf/wkt'
import { SecretSchema } from '../sds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import type { SecretResource } from '../sds/secret-resource.ts'

export function fakeSecrets(versions: Readonly<Record<string, string>>): ReadonlyMap<string, SecretResource> {
  return new Map(
    Object.entries(versions).map(([name, version]) => {
      return [name, { name, version, resource: anyPack(SecretSchema, create(SecretSchema, { name })) }]
    }),
  )
}
