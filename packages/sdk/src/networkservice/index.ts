// Whole chains.
export { type ClientChain, type ClientChainOptions, clientChain } from "./chains/client/client.ts";
export { endpointChain } from "./chains/endpoint/endpoint.ts";
export { type ForwarderChainOptions, forwarderChain } from "./chains/forwarder/forwarder.ts";
export { type NsmgrChainOptions, nsmgrChain } from "./chains/nsmgr/nsmgr.ts";
export { type OnwardOptions, onward } from "./chains/onward.ts";
export { type ServerChain, type ServerChainOptions, serverChain } from "./chains/server.ts";
// Elements, for chains of your own.
export { authorizeClient } from "./common/authorize/client.ts";
export {
  checkPolicies,
  clientPolicies,
  nextTokenSigned,
  type Policy,
  type PolicyInput,
  previousTokenSigned,
  serverPolicies,
  tokensChained,
  tokensExpired,
  tokensValid,
} from "./common/authorize/policies.ts";
export { authorizeServer } from "./common/authorize/server.ts";
export { clientInfo } from "./common/clientinfo/server.ts";
export { clientUrl } from "./common/clienturl/client.ts";
export { callNextHop } from "./common/connect/end.ts";
export { crossConnectServer } from "./common/crossconnect/server.ts";
export { dialClient } from "./common/dial/client.ts";
export { type NextHop, nextHop, nextUrl, outgoingFiles, outgoingMetadata } from "./common/dial/nexthop.ts";
export type { Discovery } from "./common/discover/port.ts";
export { candidates, discoverServer } from "./common/discover/server.ts";
export { type DiscoverForwarderOptions, discoverForwarderServer } from "./common/discoverforwarder/server.ts";
export { dnsContextServer } from "./common/dnscontext/server.ts";
export { excludedPrefixesClient } from "./common/excludedprefixes/client.ts";
export { excludedPrefixesServer } from "./common/excludedprefixes/server.ts";
export { type HealOptions, healClient, type LivenessCheck } from "./common/heal/client.ts";
export { parseCidrGroups } from "./common/ipam/cidr-groups.ts";
export { type PointToPointIpamOptions, pointToPointIpam } from "./common/ipam/point-to-point.ts";
export { kernelClient } from "./common/mechanisms/kernel/client.ts";
export { checkInterfaceName, generateInterfaceName } from "./common/mechanisms/kernel/interface-name.ts";
export { kernelEndpointServer, kernelForwarderServer } from "./common/mechanisms/kernel/server.ts";
export { tunnelMtu } from "./common/mechanisms/mtu/mtu.ts";
export { mtuServer } from "./common/mechanisms/mtu/server.ts";
export { type Offer, preferencesClient } from "./common/mechanisms/preferences/client.ts";
export { recvFdClient } from "./common/mechanisms/recvfd/client.ts";
export { recvFdServer } from "./common/mechanisms/recvfd/server.ts";
export { type MechanismServer, selectMechanismServer } from "./common/mechanisms/select/server.ts";
export { sendFdClient } from "./common/mechanisms/sendfd/client.ts";
export { sendFdServer } from "./common/mechanisms/sendfd/server.ts";
export { translationClient } from "./common/mechanisms/translation/client.ts";
export { LOCAL, mechanism, mechanismClass, parameter, REMOTE } from "./common/mechanisms/types.ts";
export { vxlanServer } from "./common/mechanisms/vxlan/server.ts";
export { monitorClient } from "./common/monitor/client.ts";
export { type DownstreamEvent, listenDownstream } from "./common/monitor/downstream.ts";
export { MonitorHub } from "./common/monitor/hub.ts";
export { monitorServer } from "./common/monitor/server.ts";
export { MonitorStreams } from "./common/monitor/streams.ts";
export { netsvcMonitorServer } from "./common/netsvcmonitor/server.ts";
export { type RefreshOptions, refreshClient } from "./common/refresh/client.ts";
export { roundRobinServer } from "./common/roundrobin/server.ts";
export { parseServiceUrl, parseServiceUrls, type ServiceUrl } from "./common/serviceurl/service-url.ts";
export { timeoutServer } from "./common/timeout/server.ts";
export { trimPathServer } from "./common/trimpath/server.ts";
export { updatePath } from "./common/updatepath/element.ts";
export { updateTokenClient } from "./common/updatetoken/client.ts";
export { readToken, tokenExpiresKey, tokenKey, writeToken } from "./common/updatetoken/metadata.ts";
export { updateTokenServer } from "./common/updatetoken/server.ts";
export { upstreamRefreshClient } from "./common/upstreamrefresh/client.ts";
// What they are made of.
export type { NetworkServiceElement, NetworkServiceHandler, NetworkServiceKind } from "./core/kind.ts";
export { beginClient, beginServer } from "./core/rules.ts";
export { endHere, networkServiceBinding } from "./core/serve.ts";
