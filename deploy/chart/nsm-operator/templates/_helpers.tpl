{{- define "nsm-operator.name" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" (.Release.Name | trunc 27 | trimSuffix "-") .Chart.Name -}}
{{- end -}}
{{- end -}}

{{- define "nsm-operator.serviceAccount" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else if .Values.serviceAccount.create -}}
{{- include "nsm-operator.name" . -}}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{- define "nsm-operator.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "nsm-operator.openshift" -}}
{{- if eq .Values.platform "openshift" -}}
true
{{- else if and (eq .Values.platform "auto") (.Capabilities.APIVersions.Has "security.openshift.io/v1") -}}
true
{{- end -}}
{{- end -}}

{{- define "nsm-operator.labels" -}}
app.kubernetes.io/name: nsm-operator
app.kubernetes.io/part-of: network-service-mesh
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Namespaces whose meshes are served, as JSON. */}}
{{- define "nsm-operator.namespaces" -}}
{{- .Values.watch.namespaces | default (list .Release.Namespace) | uniq | toJson -}}
{{- end -}}

{{/* What all bindings bind to. */}}
{{- define "nsm-operator.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "nsm-operator.serviceAccount" . }}
    namespace: {{ .Release.Namespace }}
{{- end -}}
