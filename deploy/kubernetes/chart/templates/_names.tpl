{{- define "smpp-connector.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "smpp-connector.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "smpp-connector.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "smpp-connector.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "smpp-connector.selectorLabels" -}}
app.kubernetes.io/name: {{ include "smpp-connector.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "smpp-connector.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "smpp-connector.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "smpp-connector.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "smpp-connector.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "smpp-connector.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The port of HTTP_ADDRESS. */ -}}
{{- define "smpp-connector.httpPort" -}}
{{- regexFind "[0-9]+$" (dig "HTTP_ADDRESS" ":8083" .Values.config | toString) | required "config.HTTP_ADDRESS must end in a port: probes and metrics need it" -}}
{{- end -}}

{{- /* Ports of a list of host:port or URLs, one a line. */ -}}
{{- define "smpp-connector.ports" -}}
{{- range splitList "," (toString .) -}}
{{- $address := trim . -}}
{{- if regexMatch ":[0-9]+/?" (regexReplaceAll "^https?://" $address "") -}}
{{ regexFind "[0-9]+" (regexFind ":[0-9]+(/|$)" $address) }}
{{ else if hasPrefix "https://" $address -}}
443
{{ else if hasPrefix "http://" $address -}}
80
{{ end -}}
{{- end -}}
{{- end -}}

{{- /* Numbers as Helm reads them from YAML are floats: 1000000 would become 1e+06. */ -}}
{{- define "smpp-connector.value" -}}
{{- if kindIs "float64" . -}}
{{- if eq . (floor .) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- else -}}
{{ . }}
{{- end -}}
{{- end -}}

{{- /* More binds than an account allows are refused by the SMSC, again and again: better here, and once. */ -}}
{{- define "smpp-connector.checkSessions" -}}
{{- $config := .Values.config -}}
{{- $replicas := .Values.deployment.replicas -}}
{{- $named := "deployment.replicas" -}}
{{- if .Values.keda.enabled -}}
{{- $replicas = .Values.keda.maxReplicas -}}
{{- $named = "keda.maxReplicas" -}}
{{- else if ne (toString .Values.deployment.maxSurge) "0" -}}
{{- if not (kindIs "string" .Values.deployment.maxSurge) -}}
{{- $replicas = add $replicas .Values.deployment.maxSurge -}}
{{- $named = "deployment.replicas and maxSurge" -}}
{{- end -}}
{{- end -}}
{{- range $n, $allowed := .Values.sessions -}}
{{- $binds := dig (printf "SMSC_%s_BINDS" $n) 1 $config | toString | int -}}
{{- if eq (dig (printf "SMSC_%s_BIND" $n) "transceiver" $config | toString | lower) "pair" -}}
{{- $binds = mul 2 $binds -}}
{{- end -}}
{{- if gt (mul $binds $replicas) (int $allowed) -}}
{{- fail (printf "sessions.%s: %d replicas (%s) with %d binds each are %d sessions, and the account allows %d" $n (int $replicas) $named (int $binds) (int (mul $binds $replicas)) (int $allowed)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
