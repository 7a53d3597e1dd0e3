// Bytes worked out by hand from the field numbers: tag = number << 3 | wire type (0 varint, 2 length-delimited).
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type DescMessage, equals, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import {
  NetworkServiceEndpointSchema as CnfEndpoint,
  ConnectionInterfaceType,
  NetworkServiceClientSchema,
} from "./cnf.ts";
import { ConfigSchema } from "./configurator.ts";
import * as etcd from "./etcd.ts";
import { ItemSchema, ModelDetailSchema, UpdateResult_Operation, UpdateResultSchema } from "./generic.ts";
import { HealthCheckResponse_ServingStatus, HealthCheckResponseSchema } from "./health.ts";
import { PrefixRequestSchema, PrefixResponseSchema, Type } from "./ipam.ts";
import { BaseValueStatusSchema, TxnOperation, ValueState } from "./kvscheduler.ts";
import * as linux from "./linux.ts";
import { IPAllocationSchema } from "./netalloc.ts";
import {
  ConnectionContextSchema,
  ConnectionEventSchema,
  ConnectionEventType,
  ConnectionSchema,
  MonitorScopeSelectorSchema,
  NetworkServiceRequestSchema,
  State,
} from "./networkservice.ts";
import { ServerReflectionResponseSchema } from "./reflection.ts";
import { MatchSchema, NetworkServiceEndpointQuerySchema, NetworkServiceEndpointSchema } from "./registry.ts";
import * as vpp from "./vpp.ts";

const text = (value: string) => Buffer.from(value).toString("hex");

function wire(title: string, schema: DescMessage, message: Message, ...hex: string[]): void {
  test(`${schema.typeName} ${title}`, () => {
    const expected = hex.join("").replaceAll(" ", "");
    assert.equal(Buffer.from(toBinary(schema, message)).toString("hex"), expected);
    assert.ok(equals(schema, fromBinary(schema, Buffer.from(expected, "hex")), message));
  });
}

wire(
  "carries mechanism, path and state",
  ConnectionSchema,
  create(ConnectionSchema, {
    id: "a",
    networkService: "s",
    mechanism: { cls: "LOCAL", type: "KERNEL", parameters: { name: "nsm-1" } },
    labels: { k: "v" },
    path: {
      index: 1,
      pathSegments: [{ name: "n", id: "i", token: "t", expires: { seconds: 5n }, metrics: { m: "1" } }],
    },
    networkServiceEndpointName: "e",
    payload: "IP",
    state: State.RESELECT_REQUESTED,
  }),
  "0a 01 61  12 01 73",
  `1a 1e  0a 05 ${text("LOCAL")}  12 06 ${text("KERNEL")}  1a 0d 0a 04 ${text("name")} 12 05 ${text("nsm-1")}`,
  "2a 06 0a 01 6b 12 01 76",
  "32 19  08 01  12 15  0a 01 6e  12 01 69  1a 01 74  22 02 08 05  2a 06 0a 01 6d 12 01 31",
  "3a 01 65  42 02 49 50  48 03",
);

wire(
  "carries addresses, policies, VLAN and MTU",
  ConnectionContextSchema,
  create(ConnectionContextSchema, {
    ipContext: {
      srcIpAddrs: ["1"],
      dstIpAddrs: ["2"],
      srcIpRequired: true,
      dstIpRequired: true,
      srcRoutes: [{ prefix: "p", nextHop: "h" }],
      excludedPrefixes: ["x"],
      ipNeighbors: [{ ip: "i", hardwareAddress: "m" }],
      extraPrefixRequest: [{ addrFamily: { family: 1 }, prefixLen: 64, requiredNumber: 1, requestedNumber: 2 }],
      extraPrefixes: ["y"],
      policies: [{ from: "f", proto: "6", dstPort: "80", srcPort: "9", routes: [{}] }],
    },
    dnsContext: { configs: [{ dnsServerIps: ["d"], searchDomains: ["s"] }] },
    ethernetContext: { srcMac: "a", dstMac: "b", vlanTag: 100 },
    extraContext: { k: "v" },
    MTU: 1500,
  }),
  "0a 3d  0a 01 31  12 01 32  18 01  20 01  2a 06 0a 01 70 12 01 68  3a 01 78  42 06 0a 01 69 12 01 6d",
  "4a 0a  0a 02 08 01  10 40  18 01  20 02  52 01 79  5a 0f  0a 01 66  12 01 36  1a 02 38 30  22 01 39  2a 00",
  "12 08 0a 06 0a 01 64 12 01 73",
  "1a 08 0a 01 61 12 01 62 18 64",
  "22 06 0a 01 6b 12 01 76  28 dc 0b",
);

wire(
  "keeps the order of preferences",
  NetworkServiceRequestSchema,
  create(NetworkServiceRequestSchema, {
    connection: { id: "c" },
    mechanismPreferences: [{ type: "B" }, { type: "A" }],
  }),
  "0a 03 0a 01 63  12 03 12 01 42  12 03 12 01 41",
);

wire(
  "maps ids to connections",
  ConnectionEventSchema,
  create(ConnectionEventSchema, { type: ConnectionEventType.DELETE, connections: { c: { state: State.DOWN } } }),
  "08 02  12 07  0a 01 63  12 02 48 01",
);

wire(
  "selects by segments and services",
  MonitorScopeSelectorSchema,
  create(MonitorScopeSelectorSchema, { pathSegments: [{ id: "i" }], networkServices: ["s"] }),
  "0a 03 12 01 69  12 01 73",
);

wire(
  "carries labels per service",
  NetworkServiceEndpointSchema,
  create(NetworkServiceEndpointSchema, {
    name: "e",
    networkServiceNames: ["s"],
    networkServiceLabels: { s: { labels: { a: "b" } } },
    url: "u",
    expirationTime: { seconds: 1n },
    initialRegistrationTime: { nanos: 1 },
    pathIds: ["p"],
  }),
  "0a 01 65  12 01 73  1a 0d 0a 01 73 12 08 0a 06 0a 01 61 12 01 62  22 01 75  2a 02 08 01  32 02 10 01  3a 01 70",
);

wire(
  "watches",
  NetworkServiceEndpointQuerySchema,
  create(NetworkServiceEndpointQuerySchema, { networkServiceEndpoint: {}, watch: true }),
  "0a 00  10 01",
);

wire(
  "falls through",
  MatchSchema,
  create(MatchSchema, {
    sourceSelector: { a: "b" },
    routes: [{ destinationSelector: { c: "d" }, weight: 3 }],
    fallthrough: true,
    metadata: { labels: { e: "f" } },
  }),
  "0a 06 0a 01 61 12 01 62  12 0a 0a 06 0a 01 63 12 01 64 10 03  18 01  22 08 0a 06 0a 01 65 12 01 66",
);

wire(
  "allocates",
  PrefixRequestSchema,
  create(PrefixRequestSchema, { type: Type.ALLOCATE, prefix: "p", excludePrefixes: ["x"] }),
  "08 01  12 01 70  1a 01 78",
);
wire(
  "has no field 1",
  PrefixResponseSchema,
  create(PrefixResponseSchema, { prefix: "p", excludePrefixes: ["x"] }),
  "12 01 70  1a 01 78",
);

wire(
  "numbers MEM_INTERFACE 3",
  NetworkServiceClientSchema,
  create(NetworkServiceClientSchema, {
    name: "c",
    networkService: "s",
    outgoingLabels: [{ key: "k", value: "v" }],
    interfaceName: "tap0",
    interfaceType: ConnectionInterfaceType.MEM_INTERFACE,
    ipAddresses: ["i"],
    physAddress: "m",
  }),
  `0a 01 63  12 01 73  1a 06 0a 01 6b 12 01 76  22 04 ${text("tap0")}  28 03  32 01 69  3a 01 6d`,
);

wire(
  "begins at field 2",
  CnfEndpoint,
  create(CnfEndpoint, {
    networkService: "s",
    advertisedLabels: [{ key: "k" }],
    singleClient: true,
    interfaceNamePrefix: "p",
    interfaceNameSuffixFromLabel: "l",
    interfaceType: ConnectionInterfaceType.KERNEL_INTERFACE,
    ipAddresses: ["i"],
    physAddress: "m",
  }),
  "12 01 73  1a 03 0a 01 6b  20 01  2a 01 70  32 01 6c  38 01  42 01 69  4a 01 6d",
);

wire(
  "has its link kinds from 20 on",
  linux.InterfaceSchema,
  create(linux.InterfaceSchema, {
    name: "v",
    type: linux.Interface_Type.VETH,
    namespace: { type: linux.NetNamespace_ReferenceType.MICROSERVICE, reference: "n" },
    hostIfName: "h",
    enabled: true,
    ipAddresses: ["i"],
    physAddress: "m",
    mtu: 1500,
    linkOnly: true,
    vrfMasterInterface: "r",
    link: {
      case: "veth",
      value: { peerIfName: "w", rxChecksumOffloading: linux.VethLink_ChecksumOffloading.CHKSM_OFFLOAD_DISABLED },
    },
  }),
  "0a 01 76  10 01  1a 05 08 04 12 01 6e  22 01 68  28 01  32 01 69  3a 01 6d  40 dc 0b  48 01  52 01 72",
  "a2 01 05 0a 01 77 10 02",
);
wire(
  "has a TAP at 21",
  linux.InterfaceSchema,
  create(linux.InterfaceSchema, { link: { case: "tap", value: { vppTapIfName: "t" } } }),
  "aa 01 03 0a 01 74",
);
wire(
  "has a VRF device at 22",
  linux.InterfaceSchema,
  create(linux.InterfaceSchema, { link: { case: "vrfDev", value: { routingTable: 10 } } }),
  "b2 01 02 08 0a",
);

wire(
  "counts at 100",
  linux.InterfaceStateSchema,
  create(linux.InterfaceStateSchema, {
    ifIndex: -1,
    operStatus: linux.InterfaceState_Status.DELETED,
    lastChange: 1n,
    speed: 2n,
    statistics: { inPackets: 1n, outErrorPackets: 2n },
  }),
  "20 ff ff ff ff ff ff ff ff ff 01  30 03  38 01  48 02  a2 06 04 08 01 38 02",
);

wire(
  "has scope and metric",
  linux.RouteSchema,
  create(linux.RouteSchema, {
    outgoingInterface: "o",
    scope: linux.Route_Scope.HOST,
    dstNetwork: "d",
    gwAddr: "g",
    metric: 5,
  }),
  "0a 01 6f  10 04  1a 01 64  22 01 67  28 05",
);
wire(
  "has three texts",
  linux.ARPEntrySchema,
  create(linux.ARPEntrySchema, { interface: "i", ipAddress: "a", hwAddress: "h" }),
  "0a 01 69  12 01 61  1a 01 68",
);

wire(
  "has its rules at 10",
  linux.RuleChainSchema,
  create(linux.RuleChainSchema, {
    name: "n",
    namespace: {},
    interfaces: ["i"],
    protocol: linux.RuleChain_Protocol.IPV6,
    table: linux.RuleChain_Table.NAT,
    chainType: linux.RuleChain_ChainType.POSTROUTING,
    chainName: "c",
    defaultPolicy: linux.RuleChain_Policy.RETURN,
    rules: ["r"],
  }),
  "0a 01 6e  12 00  1a 01 69  20 01  28 01  30 05  3a 01 63  40 04  52 01 72",
);

wire(
  "lists by 10, 20 and 21",
  linux.ConfigDataSchema,
  create(linux.ConfigDataSchema, { interfaces: [{}], arpEntries: [{}], routes: [{}] }),
  "52 00  a2 01 00  aa 01 00",
);

wire(
  "skips field 3",
  IPAllocationSchema,
  create(IPAllocationSchema, { networkName: "n", interfaceName: "i", address: "a", gw: "g" }),
  "0a 01 6e  12 01 69  22 01 61  2a 01 67",
);

wire(
  "wraps an Any",
  ItemSchema,
  create(ItemSchema, {
    id: { model: "m", name: "n" },
    data: { union: { case: "any", value: { typeUrl: "t", value: Uint8Array.of(1) } } },
  }),
  "0a 06 0a 01 6d 12 01 6e  12 08 0a 06 0a 01 74 12 01 01",
);
wire(
  "has its id last",
  UpdateResultSchema,
  create(UpdateResultSchema, {
    key: "k",
    op: UpdateResult_Operation.DELETE,
    status: { status: "s", message: "m" },
    id: { name: "n" },
  }),
  "0a 01 6b  10 03  1a 06 0a 01 73 12 01 6d  22 03 12 01 6e",
);
wire(
  "carries spec and options",
  ModelDetailSchema,
  create(ModelDetailSchema, {
    spec: { module: "m", version: "v", type: "t", class: "c" },
    protoName: "p",
    options: [{ key: "k", values: ["a", "b"] }],
  }),
  "0a 0c 0a 01 6d 12 01 76 1a 01 74 22 01 63  12 01 70  1a 09 0a 01 6b 12 01 61 12 01 62",
);

wire(
  "numbers states and operations",
  BaseValueStatusSchema,
  create(BaseValueStatusSchema, {
    value: {
      key: "k",
      state: ValueState.RETRYING,
      error: "e",
      lastOperation: TxnOperation.DELETE,
      details: ["d"],
    },
    derivedValues: [{ state: ValueState.PENDING }],
  }),
  "0a 0d 0a 01 6b 10 0a 1a 01 65 20 04 2a 01 64  12 02 10 07",
);

wire(
  "serves",
  HealthCheckResponseSchema,
  create(HealthCheckResponseSchema, { status: HealthCheckResponse_ServingStatus.SERVICE_UNKNOWN }),
  "08 03",
);
wire(
  "answers from field 4 on",
  ServerReflectionResponseSchema,
  create(ServerReflectionResponseSchema, {
    validHost: "h",
    originalRequest: { messageRequest: { case: "listServices", value: "" } },
    messageResponse: { case: "listServicesResponse", value: { service: [{ name: "s" }] } },
  }),
  "0a 01 68  12 02 3a 00  32 05 0a 03 0a 01 73",
);

wire(
  "carries a memif link",
  vpp.InterfaceSchema,
  create(vpp.InterfaceSchema, {
    name: "m",
    type: vpp.Interface_Type.MEMIF,
    enabled: true,
    ipAddresses: ["a"],
    vrf: 1,
    mtu: 2,
    rxModes: [{ queue: 1, mode: vpp.Interface_RxMode_Type.DEFAULT }],
    link: { case: "memif", value: { master: true, id: 3, socketFilename: "s" } },
  }),
  "0a 01 6d  10 04  18 01  2a 01 61  30 01  40 02",
  "62 04 08 01 10 04",
  "aa 06 07 10 01 18 03 22 01 73",
);

wire(
  "carries the kind of a route in field 10",
  vpp.RouteSchema,
  create(vpp.RouteSchema, { vrfId: 1, dstNetwork: "d", nextHopAddr: "g", viaVrfId: 2, type: vpp.Route_RouteType.DROP }),
  "08 01  1a 01 64  22 01 67  40 02  50 02",
);

wire(
  "carries pools by name in field 5",
  vpp.Nat44AddressPoolSchema,
  create(vpp.Nat44AddressPoolSchema, { vrfId: 1, firstIp: "a", lastIp: "b", twiceNat: true, name: "n" }),
  "08 01  12 01 61  1a 01 62  20 01  2a 01 6e",
);

wire(
  "carries VPP, Linux and addresses side by side",
  ConfigSchema,
  create(ConfigSchema, {
    vppConfig: { dnat44s: [{ label: "l" }], dnsCache: {} },
    linuxConfig: { routes: [{ metric: 1 }] },
    netallocConfig: { ipAddresses: [{ networkName: "n" }] },
  }),
  "0a 09  9a 03 03 0a 01 6c  a2 06 00",
  "12 05  aa 01 02 28 01",
  "1a 05  52 03 0a 01 6e",
);

wire(
  "carries a guarded put",
  etcd.TxnRequestSchema,
  create(etcd.TxnRequestSchema, {
    compare: [
      {
        result: etcd.Compare_CompareResult.NOT_EQUAL,
        target: etcd.Compare_CompareTarget.MOD,
        key: Uint8Array.of(0x6b),
        targetUnion: { case: "modRevision", value: 0n },
      },
    ],
    success: [
      { request: { case: "requestPut", value: { key: Uint8Array.of(0x6b), value: Uint8Array.of(0xff), lease: 7n } } },
    ],
    failure: [{ request: { case: "requestRange", value: { key: Uint8Array.of(0x6b), rangeEnd: Uint8Array.of(0) } } }],
  }),
  "0a 09  08 03  10 02  1a 01 6b  30 00",
  "12 0a  12 08  0a 01 6b  12 01 ff  18 07",
  "1a 08  0a 06  0a 01 6b  12 01 00",
);

wire(
  "carries a part of a revision",
  etcd.WatchResponseSchema,
  create(etcd.WatchResponseSchema, {
    header: { clusterId: 1n, memberId: 2n, revision: 3n, raftTerm: 4n },
    compactRevision: 5n,
    cancelReason: "r",
    fragment: true,
    events: [
      {
        type: etcd.Event_EventType.DELETE,
        kv: {
          key: Uint8Array.of(0x6b),
          createRevision: 1n,
          modRevision: 3n,
          version: 2n,
          value: Uint8Array.of(0x76),
          lease: 9n,
        },
      },
    ],
  }),
  "0a 08  08 01 10 02 18 03 20 04",
  "28 05  32 01 72  38 01",
  "5a 12  08 01  12 0e  0a 01 6b  10 01  18 03  20 02  2a 01 76  30 09",
);
