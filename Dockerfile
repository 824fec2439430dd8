# A server for a class: docs/deploying.md says how it is built, started and put behind a proxy.
FROM python:3.12-slim

# cpu, or a version of CUDA as PyTorch names it, such as cu128. The host then needs NVIDIA's driver and container toolkit.
ARG TORCH=cpu
# Where PyTorch's wheels for it are. PyPI has wheels with CUDA only, which compute on a CPU too.
ARG INDEX=https://download.pytorch.org/whl/${TORCH}

# A user of its own, and the folder of the weights that are downloaded when a model is first chosen.
RUN useradd --create-home --uid 1000 dashboard \
    && install --directory --owner=dashboard --group=dashboard /weights

# The dependencies change seldom, so they are a layer of their own.
WORKDIR /source
COPY requirements.txt ./
RUN grep "^torch" requirements.txt > torch.txt \
    && pip install --no-cache-dir --index-url "${INDEX}" --requirement torch.txt \
    && pip install --no-cache-dir --requirement requirements.txt

COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE ./
COPY attribution attribution
COPY dashboard dashboard
# Streamlit also looks beside the script that it runs: dashboard/.streamlit is a link to it.
COPY .streamlit .streamlit
COPY assets assets
RUN pip install --no-cache-dir --no-deps .

USER 1000
WORKDIR /home/dashboard
# The second is that of the Hugging Face hub, for networks that are named by --model.
ENV TORCH_HOME=/weights HF_HOME=/weights/huggingface
VOLUME /weights
EXPOSE 8501

# Below a base path, the address of its health has it too.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["python", "-c", "import os, urllib.request; base = os.environ.get('STREAMLIT_SERVER_BASE_URL_PATH', '').strip('/'); urllib.request.urlopen('/'.join(filter(None, ['http://127.0.0.1:8501', base, '_stcore/health'])), timeout=9)"]

ENTRYPOINT ["attribution-dashboard", "--server.address=0.0.0.0", "--server.port=8501", "--server.headless=true"]
