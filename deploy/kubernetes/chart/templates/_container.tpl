{{- /*
smpp-connector.container is the container, for the chart's own Deployment and for the charts of others that run it as a sidecar:

  dependencies: [{name: smpp-connector, …}], with smpp-connector.deployment.enabled: false, and in the pod of their Deployment

  initContainers:
    {{- include "smpp-connector.sidecar" (index .Subcharts "smpp-connector") | nindent 8 }}
  volumes:
    {{- include "smpp-connector.volumes" (index .Subcharts "smpp-connector") | nindent 8 }}
*/ -}}
{{- define "smpp-connector.container" -}}
name: smpp-connector
image: {{ include "smpp-connector.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- include "smpp-connector.body" . }}
startupProbe: # Kafka may come up later than we do; nothing is lost by a restart after ten minutes
  httpGet: {path: /health, port: smpp-http}
  periodSeconds: 5
  failureThreshold: 120
livenessProbe: # whether the process can do its work; Kafka or an SMSC being away is no reason to restart it
  httpGet: {path: /health, port: smpp-http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /ready, port: smpp-http}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end -}}

{{- /*
smpp-connector.sidecar is the same as a native sidecar (an init container with restartPolicy Always, Kubernetes 1.29): it starts before the
application and ends after it, so that what the application writes last is still sent. It has no startup probe, which would hold the application
back until Kafka answers, and no readiness probe, which would take the application out of its Services with Kafka.
*/ -}}
{{- define "smpp-connector.sidecar" -}}
- name: smpp-connector
  restartPolicy: Always
  image: {{ include "smpp-connector.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  {{- include "smpp-connector.body" . | indent 2 }}
  livenessProbe: # /health answers 503 until Kafka was reached for the first time
    httpGet: {path: /health, port: smpp-http}
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: 60
{{- end -}}

{{- define "smpp-connector.body" }}
envFrom:
  - configMapRef: {name: {{ include "smpp-connector.fullname" . }}}
env:
  - {name: STATE_DIR, value: /var/lib/smpp-connector}
  {{- range .Values.existingSecretKeys }}
  - {name: {{ . }}_FILE, value: /run/secrets/smpp-connector/{{ . }}}
  {{- end }}
  {{- range .Values.files }}
  - {name: {{ .variable }}, value: /run/secrets/smpp-connector/{{ .variable }}}
  {{- end }}
ports:
  - {name: smpp-http, containerPort: {{ include "smpp-connector.httpPort" . }}, protocol: TCP}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: # Kubernetes' restricted profile
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
volumeMounts:
  - {name: smpp-state, mountPath: /var/lib/smpp-connector}
  {{- if or .Values.existingSecretKeys .Values.files }}
  - {name: smpp-secrets, mountPath: /run/secrets/smpp-connector, readOnly: true}
  {{- end }}
{{- end -}}

{{- define "smpp-connector.volumes" -}}
- name: smpp-state
  emptyDir: {sizeLimit: {{ .Values.state.sizeLimit }}}
{{- if or .Values.existingSecretKeys .Values.files }}
- name: smpp-secrets
  projected:
    defaultMode: 0440
    sources:
      {{- if .Values.existingSecretKeys }}
      - secret:
          name: {{ required "existingSecretKeys are keys of existingSecret, which is not set" .Values.existingSecret }}
          items:
            {{- range .Values.existingSecretKeys }}
            - {key: {{ . }}, path: {{ . }}}
            {{- end }}
      {{- end }}
      {{- range .Values.files }}
      - secret:
          name: {{ .secret }}
          items: [{key: {{ .key | quote }}, path: {{ .variable }}}]
      {{- end }}
{{- end }}
{{- end -}}
