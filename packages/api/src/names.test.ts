// Names that outsiders see: full method names on the wire, import paths in reflection and the meta service.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DescMessage, DescService } from "@bufbuild/protobuf";
import * as cnf from "./cnf.ts";
import * as configurator from "./configurator.ts";
import * as etcd from "./etcd.ts";
import * as generic from "./generic.ts";
import { Health } from "./health.ts";
import { IPAM } from "./ipam.ts";
import { ValueStatusSchema } from "./kvscheduler.ts";
import * as linux from "./linux.ts";
import { IPAllocationSchema } from "./netalloc.ts";
import * as ns from "./networkservice.ts";
import { ServerReflection, ServerReflectionV1alpha } from "./reflection.ts";
import * as registry from "./registry.ts";
import * as vpp from "./vpp.ts";

const methods: [DescService, string[]][] = [
  [
    etcd.KV,
    [
      "/etcdserverpb.KV/Range unary etcdserverpb.RangeRequest etcdserverpb.RangeResponse",
      "/etcdserverpb.KV/Put unary etcdserverpb.PutRequest etcdserverpb.PutResponse",
      "/etcdserverpb.KV/DeleteRange unary etcdserverpb.DeleteRangeRequest etcdserverpb.DeleteRangeResponse",
      "/etcdserverpb.KV/Txn unary etcdserverpb.TxnRequest etcdserverpb.TxnResponse",
      "/etcdserverpb.KV/Compact unary etcdserverpb.CompactionRequest etcdserverpb.CompactionResponse",
    ],
  ],
  [etcd.Watch, ["/etcdserverpb.Watch/Watch bidi_streaming etcdserverpb.WatchRequest etcdserverpb.WatchResponse"]],
  [
    etcd.Lease,
    [
      "/etcdserverpb.Lease/LeaseGrant unary etcdserverpb.LeaseGrantRequest etcdserverpb.LeaseGrantResponse",
      "/etcdserverpb.Lease/LeaseRevoke unary etcdserverpb.LeaseRevokeRequest etcdserverpb.LeaseRevokeResponse",
      "/etcdserverpb.Lease/LeaseKeepAlive bidi_streaming etcdserverpb.LeaseKeepAliveRequest etcdserverpb.LeaseKeepAliveResponse",
    ],
  ],
  [
    etcd.Auth,
    ["/etcdserverpb.Auth/Authenticate unary etcdserverpb.AuthenticateRequest etcdserverpb.AuthenticateResponse"],
  ],
  [
    ns.NetworkService,
    [
      "/networkservice.NetworkService/Request unary networkservice.NetworkServiceRequest connection.Connection",
      "/networkservice.NetworkService/Close unary connection.Connection google.protobuf.Empty",
    ],
  ],
  [
    ns.MonitorConnection,
    [
      "/connection.MonitorConnection/MonitorConnections server_streaming connection.MonitorScopeSelector connection.ConnectionEvent",
    ],
  ],
  [
    registry.NetworkServiceRegistry,
    [
      "/registry.NetworkServiceRegistry/Register unary registry.NetworkService registry.NetworkService",
      "/registry.NetworkServiceRegistry/Find server_streaming registry.NetworkServiceQuery registry.NetworkServiceResponse",
      "/registry.NetworkServiceRegistry/Unregister unary registry.NetworkService google.protobuf.Empty",
    ],
  ],
  [
    registry.NetworkServiceEndpointRegistry,
    [
      "/registry.NetworkServiceEndpointRegistry/Register unary registry.NetworkServiceEndpoint registry.NetworkServiceEndpoint",
      "/registry.NetworkServiceEndpointRegistry/Find server_streaming registry.NetworkServiceEndpointQuery registry.NetworkServiceEndpointResponse",
      "/registry.NetworkServiceEndpointRegistry/Unregister unary registry.NetworkServiceEndpoint google.protobuf.Empty",
    ],
  ],
  [IPAM, ["/ipam.IPAM/ManagePrefixes bidi_streaming ipam.PrefixRequest ipam.PrefixResponse"]],
  [
    Health,
    [
      "/grpc.health.v1.Health/Check unary grpc.health.v1.HealthCheckRequest grpc.health.v1.HealthCheckResponse",
      "/grpc.health.v1.Health/List unary grpc.health.v1.HealthListRequest grpc.health.v1.HealthListResponse",
      "/grpc.health.v1.Health/Watch server_streaming grpc.health.v1.HealthCheckRequest grpc.health.v1.HealthCheckResponse",
    ],
  ],
  ...(
    [
      ["v1", ServerReflection],
      ["v1alpha", ServerReflectionV1alpha],
    ] as const
  ).map(([version, service]): [DescService, string[]] => [
    service,
    [
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo bidi_streaming ` +
        `grpc.reflection.${version}.ServerReflectionRequest grpc.reflection.${version}.ServerReflectionResponse`,
    ],
  ]),
  [
    generic.ManagerService,
    [
      "/ligato.generic.ManagerService/SetConfig unary ligato.generic.SetConfigRequest ligato.generic.SetConfigResponse",
      "/ligato.generic.ManagerService/GetConfig unary ligato.generic.GetConfigRequest ligato.generic.GetConfigResponse",
      "/ligato.generic.ManagerService/DumpState unary ligato.generic.DumpStateRequest ligato.generic.DumpStateResponse",
      "/ligato.generic.ManagerService/Subscribe server_streaming ligato.generic.SubscribeRequest ligato.generic.SubscribeResponse",
    ],
  ],
  [
    generic.MetaService,
    [
      "/ligato.generic.MetaService/KnownModels unary ligato.generic.KnownModelsRequest ligato.generic.KnownModelsResponse",
      "/ligato.generic.MetaService/ProtoFileDescriptor unary ligato.generic.ProtoFileDescriptorRequest ligato.generic.ProtoFileDescriptorResponse",
    ],
  ],
  [
    configurator.ConfiguratorService,
    [
      "/ligato.configurator.ConfiguratorService/Get unary ligato.configurator.GetRequest ligato.configurator.GetResponse",
      "/ligato.configurator.ConfiguratorService/Update unary ligato.configurator.UpdateRequest ligato.configurator.UpdateResponse",
      "/ligato.configurator.ConfiguratorService/Delete unary ligato.configurator.DeleteRequest ligato.configurator.DeleteResponse",
      "/ligato.configurator.ConfiguratorService/Dump unary ligato.configurator.DumpRequest ligato.configurator.DumpResponse",
      "/ligato.configurator.ConfiguratorService/Notify server_streaming ligato.configurator.NotifyRequest ligato.configurator.NotifyResponse",
    ],
  ],
  [
    configurator.StatsPollerService,
    [
      "/ligato.configurator.StatsPollerService/PollStats server_streaming ligato.configurator.PollStatsRequest ligato.configurator.PollStatsResponse",
    ],
  ],
];

for (const [service, expected] of methods) {
  test(`${service.typeName} has the methods that peers call`, () => {
    const actual = service.methods.map(
      ({ name, methodKind, input, output }) =>
        `/${service.typeName}/${name} ${methodKind} ${input.typeName} ${output.typeName}`,
    );
    assert.deepEqual(actual, expected);
  });
}

const paths: [DescMessage, string, string][] = [
  [ns.ConnectionSchema, "connection.proto", "connection.Connection"],
  [ns.ConnectionContextSchema, "connectioncontext.proto", "connectioncontext.ConnectionContext"],
  [ns.NetworkServiceRequestSchema, "networkservice.proto", "networkservice.NetworkServiceRequest"],
  [registry.NetworkServiceSchema, "registry.proto", "registry.NetworkService"],
  [cnf.NetworkServiceClientSchema, "nsm/nsm.proto", "upnp.NetworkServiceClient"],
  [linux.InterfaceSchema, "ligato/linux/interfaces/interface.proto", "ligato.linux.interfaces.Interface"],
  [linux.InterfaceStateSchema, "ligato/linux/interfaces/state.proto", "ligato.linux.interfaces.InterfaceState"],
  [linux.NetNamespaceSchema, "ligato/linux/namespace/namespace.proto", "ligato.linux.namespace.NetNamespace"],
  [linux.RouteSchema, "ligato/linux/l3/route.proto", "ligato.linux.l3.Route"],
  [linux.ARPEntrySchema, "ligato/linux/l3/arp.proto", "ligato.linux.l3.ARPEntry"],
  [linux.RuleChainSchema, "ligato/linux/iptables/iptables.proto", "ligato.linux.iptables.RuleChain"],
  [linux.ConfigDataSchema, "ligato/linux/linux.proto", "ligato.linux.ConfigData"],
  [IPAllocationSchema, "ligato/netalloc/netalloc.proto", "ligato.netalloc.IPAllocation"],
  [generic.ItemSchema, "ligato/generic/manager.proto", "ligato.generic.Item"],
  [generic.ModelSpecSchema, "ligato/generic/model.proto", "ligato.generic.ModelSpec"],
  [vpp.InterfaceSchema, "ligato/vpp/interfaces/interface.proto", "ligato.vpp.interfaces.Interface"],
  [vpp.RouteSchema, "ligato/vpp/l3/route.proto", "ligato.vpp.l3.Route"],
  [vpp.Nat44AddressPoolSchema, "ligato/vpp/nat/nat.proto", "ligato.vpp.nat.Nat44AddressPool"],
  [vpp.ConfigDataSchema, "ligato/vpp/vpp.proto", "ligato.vpp.ConfigData"],
  [vpp.MetricsSchema, "ligato/govppmux/metrics.proto", "ligato.govppmux.Metrics"],
  [configurator.ConfigSchema, "ligato/configurator/configurator.proto", "ligato.configurator.Config"],
  [ValueStatusSchema, "ligato/kvscheduler/value_status.proto", "ligato.kvscheduler.ValueStatus"],
];

for (const [schema, path, typeName] of paths) {
  test(`${typeName} comes from ${path}`, () => {
    assert.equal(`${schema.file.name}.proto`, path);
    assert.equal(schema.typeName, typeName);
  });
}

test("models declared in .proto files use the message options 50222 and 50223", () => {
  assert.deepEqual([generic.model.number, generic.model_name_template.number], [50222, 50223]);
  assert.equal(generic.model.extendee.typeName, "google.protobuf.MessageOptions");
});

test("address fields are marked for tools by the field option 2000", () => {
  assert.equal(generic.ligato_options.number, 2000);
  assert.equal(generic.ligato_options.extendee.typeName, "google.protobuf.FieldOptions");
});
